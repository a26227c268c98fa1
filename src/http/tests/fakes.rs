//! What stands behind the front in its tests: a scripted engine, a log and a store in memory.

use crate::event_log::{
    EventLog, LogError, NewRecord, OutcomeSender, Outcomes, Partition, Position,
};
use crate::future::BoxFuture;
use crate::holder::Holder;
use crate::settings::{Store, StoreError};
use dataflows::digest::hash::{Digest, Hash};
use dataflows::digest::rows::DigestedView;
use dataflows::ingest::decisions::Forgotten;
use dataflows::questions::query::Query;
use dataflows::questions::query::{QueryAnswer, Touched};
use dataflows::ranking::answer::{Cause, Obstacle, Ranking, Why};
use dataflows::ranking::product_info::Listing;
use dataflows::ranking::rules::Basis;
use dataflows::record::event::Kind;
use dataflows::record::event::OwnedEvent;
use dataflows::record::product::Product;
use dataflows::score::counts::Counts;
use dataflows::score::grade::{Grade, ONE};
use dataflows::score::learner::Learner;
use dataflows::score::merchandising::ActionKind;
use dataflows::score::model::Blend;
use dataflows::score::model_history::{LearnedState, Learning};
use dataflows::score::start::START;
use dataflows::score::weights::Score;
use dataflows::views::product_words::Page;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Why the first product of a ranking is there, why the second is skipped, and why no other is.
fn why(product: &str) -> Why {
    let shown = products(product, 1);
    match product {
        "first" => Why { product: shown, rank: 4, candidates: 9, place: 3, ..Why::default() },
        "second" => {
            let obstacles = vec![Obstacle::Skipped];
            Why { product: shown, rank: 1, candidates: 9, place: 1, obstacles, ..Why::default() }
        }
        _ => {
            let (rules, tags) = (vec!["summer".into()], vec!["audio".into()]);
            let obstacles = vec![
                Obstacle::Bought,
                Obstacle::Hidden(rules),
                Obstacle::PerTag(tags),
                Obstacle::Outranked(0.25),
            ];
            Why { cut: shown, candidates: 9, obstacles, ..Why::default() }
        }
    }
}

/// The scripted engine's answer to a query: `user1` is known, nobody else. A model that the query brings stands for itself:
/// its weight of a view is the score of a tag, and its factor of tags that of a product.
pub(super) fn scripted(query: &Query) -> Option<QueryAnswer> {
    let profile = |user: &str| match user {
        "user1" => {
            vec![("electronics".into(), Score(9_000_000)), ("audio".into(), Score(1_500_000))]
        }
        // JavaScript would show an object of these the other way round.
        "numbers" => vec![("10".into(), Score(9_000_000)), ("9".into(), Score(1_500_000))],
        "a/b ü" => vec![("found".into(), Score(1_000_000))],
        _ => Vec::new(),
    };
    Some(match query {
        Query::Profile { place, weights: Some(weights), .. } => {
            QueryAnswer::Profile(*place, vec![("views".into(), weights.of(Kind::View))])
        }
        Query::Profile { place, user, .. } => QueryAnswer::Profile(*place, profile(user)),
        Query::Activity { user } if user == "user1" => QueryAnswer::Activity(29_058_480, [3, 2, 1]),
        Query::Activity { .. } => return None,
        Query::Touched { user } => QueryAnswer::Touched(match &**user {
            "user1" => Touched {
                visit: vec!["lamp".into(), "mug".into()],
                before: vec!["rug".into()],
                bought: vec!["mug".into()],
                bought_count: 1,
            },
            _ => Touched::default(),
        }),
        Query::Rank { own: Some(own), .. } if own.blend.is_some() => {
            QueryAnswer::Ranking(blended(own.blend.unwrap_or_default()))
        }
        Query::Rank { basis, rules, .. } => QueryAnswer::Ranking(match basis {
            Basis::Product(id) if id == "ruled" => ruled(),
            Basis::User(id) | Basis::Product(id) | Basis::Tag(id) => products(id, rules.n),
            Basis::Visit(visit) => products(&visit.join("+"), rules.n),
            Basis::Everything => products("overall", rules.n),
        }),
        Query::Why { product, .. } => QueryAnswer::Why(Box::new(why(product))),
        Query::Learned => QueryAnswer::Learned(Box::new(learned(2))),
        // Workers ask for these themselves.
        Query::Grade(_) => return None,
        Query::Product { product } => QueryAnswer::Product(match &**product {
            "radio" => Listing::Listed(radio().into()),
            "bare" => Listing::Listed(Product { unavailable: true, ..Product::default() }.into()),
            "gone" => Listing::Deleted,
            _ => Listing::Unlisted,
        }),
        Query::ProductDays { product } => QueryAnswer::ProductDays(match &**product {
            "radio" => vec![(20_178, [5, 1, 0]), (20_179, [2, 0, 1])],
            _ => Vec::new(),
        }),
        Query::Search { words, n, .. } if words.first().is_none_or(|word| word == "rad") => {
            let place = || ("radio".to_owned(), "a:b".to_owned());
            let (found, until) = (vec![(place(), radio().into())], (*n == 1).then(place));
            QueryAnswer::Found(Page { found, until })
        }
        Query::Search { .. } => QueryAnswer::Found(Default::default()),
        Query::Recent { limit, after } => {
            let new = if after.is_none() { 2 } else { 0 };
            QueryAnswer::Recent(vec![event(); new.min(*limit)])
        }
        Query::Digests => {
            let digest = Hash::of("a row").times(Counts([1, 2, 3]));
            QueryAnswer::Digests(vec![(DigestedView::Profile, digest)])
        }
        Query::Forgotten { user } if user == "gone" => {
            let forgotten = Forgotten {
                time: 1_743_508_800_000,
                recorded: 484_308,
                since: 1_743_508_801_000_000,
                written: Some(1_743_508_802_000_000),
                erased: None,
            };
            let digest = Hash::of("a row").times(1_isize);
            let around = [digest, Digest::default()].map(|it| vec![(DigestedView::Bought, it)]);
            QueryAnswer::Forgotten(vec![(forgotten, around)])
        }
        Query::Forgotten { .. } => QueryAnswer::Forgotten(Vec::new()),
        Query::Path { from, to, .. } => {
            QueryAnswer::Path((from == "closed").then(|| vec![from.clone(), to.clone()]))
        }
        Query::Written => QueryAnswer::Written(0, Vec::new()),
        Query::Position { place, .. } => QueryAnswer::Position(*place, 8),
    })
}

/// What was learned of so many events: of two in three what came was second, and new to the visit.
pub(super) fn learned(events: usize) -> LearnedState {
    let mut learner = Learner::new(&START);
    for event in 0..events {
        let place = if event % 3 < 2 { 2 } else { 0 };
        learner.add(&Grade {
            day: 20_179,
            gate: 0,
            is: [true, place > 0],
            places: [[place; 3], [0; 3], [0; 3], [0; 3]],
            parts: vec![(7, ONE)],
        });
        learner.step(0);
    }
    LearnedState { learning: Learning::Propose, in_force: None, learner }
}

fn radio() -> Product {
    Product {
        name: "Radio".into(),
        category: "Audio".into(),
        tags: vec!["audio".into()],
        price: Some(19_990_000),
        unavailable: false,
    }
}

fn products(id: &str, n: usize) -> Ranking {
    let known = radio();
    let mut ranking = Ranking::default();
    let causes = [Cause::Tag("audio"), Cause::Popular].map(|cause| ranking.add_cause(cause));
    ranking.add(id, 2.0, Some(known.into()));
    ranking.add_reason(causes[0], 3, 1.5);
    ranking.add_reason(causes[1], 7, 0.5);
    if n > 1 {
        ranking.add("bare", 0.0, None);
    }
    ranking
}

/// A product whose score is a blend's factor of tags.
fn blended(blend: Blend) -> Ranking {
    let mut ranking = Ranking::default();
    ranking.add("blended", blend.tags, None);
    ranking
}

/// A product that rules have hit.
fn ruled() -> Ranking {
    let mut ranking = Ranking::default();
    ranking.add("ruled", 1.5, None);
    for (cause, events, score) in [
        (Cause::Popular, 7, 1.0),
        (Cause::Rule(ActionKind::Boost, "sh\"oes"), 0, 1.0),
        (Cause::Rule(ActionKind::Pin, "summer"), 0, 0.0),
        (Cause::Rule(ActionKind::Bury, "old"), 0, -0.5),
    ] {
        if let Cause::Rule(action, rule) = cause {
            ranking.add_hits(action, rule, 1);
        }
        let cause = ranking.add_cause(cause);
        ranking.add_reason(cause, events, score);
    }
    ranking.add_hits(ActionKind::Hide, "recall", 3);
    ranking
}

pub(super) fn event() -> OwnedEvent {
    OwnedEvent {
        event_type: Kind::AddToCart.into(),
        time: 1_743_508_800_123,
        user: "user1".into(),
        product: "product1".into(),
        category: "Audio".into(),
        session: String::new(),
        id: String::new(),
        tags: vec!["audio".into()],
    }
}

/// What becomes of a record instead of being stored.
pub(super) enum Fate {
    Fails(LogError),
    /// Nothing is told of it.
    Silent,
}

/// A log in memory: all of it is one partition, and offsets start at 7.
#[derive(Default)]
pub(super) struct MemoryLog {
    pub(super) events: Mutex<Vec<NewRecord>>,
    /// By index in the next append.
    pub(super) fates: Mutex<BTreeMap<usize, Fate>>,
    /// Of records of which nothing is told.
    silent: Mutex<Vec<OutcomeSender>>,
    /// Why nothing can be stored, if so.
    pub(super) unwritable: Mutex<Option<String>>,
}

impl EventLog for MemoryLog {
    fn append(&self, new: Vec<NewRecord>) -> Outcomes {
        let (sender, outcomes) = Outcomes::of(new.len());
        let mut events = self.events.lock().unwrap();
        let mut fates = std::mem::take(&mut *self.fates.lock().unwrap());
        for (index, record) in new.into_iter().enumerate() {
            match fates.remove(&index) {
                None => {
                    let partition = Partition { topic: "view-events".into(), index: 0 };
                    let offset = events.len() as i64 + 7;
                    events.push(record);
                    sender.tell(index, Ok(Position { partition, offset }));
                }
                Some(Fate::Fails(error)) => sender.tell(index, Err(error)),
                Some(Fate::Silent) => self.silent.lock().unwrap().push(sender.clone()),
            }
        }
        outcomes
    }

    fn writable(&self) -> Result<(), String> {
        self.unwritable.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

/// A store in memory.
#[derive(Default)]
pub(super) struct MemoryStore {
    pub(super) nodes: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(super) failure: Mutex<Option<StoreError>>,
    /// The list of members, if it keeps one.
    pub(super) members: Mutex<Option<Vec<Holder>>>,
}

impl MemoryStore {
    fn failing<T: Send + 'static>(&self) -> Option<BoxFuture<Result<T, StoreError>>> {
        let error = self.failure.lock().unwrap().take()?;
        Some(Box::pin(std::future::ready(Err(error))))
    }
}

impl Store for MemoryStore {
    fn get(&self, path: &str) -> BoxFuture<Result<Option<Vec<u8>>, StoreError>> {
        let value = self.nodes.lock().unwrap().get(path).cloned();
        self.failing().unwrap_or_else(|| Box::pin(std::future::ready(Ok(value))))
    }

    fn put(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
        self.failing().unwrap_or_else(|| {
            self.nodes.lock().unwrap().insert(path.into(), value);
            Box::pin(std::future::ready(Ok(())))
        })
    }

    fn delete(&self, path: &str) -> BoxFuture<Result<bool, StoreError>> {
        self.failing().unwrap_or_else(|| {
            let was_there = self.nodes.lock().unwrap().remove(path).is_some();
            Box::pin(std::future::ready(Ok(was_there)))
        })
    }

    fn replace(
        &self,
        path: &str,
        held: Vec<u8>,
        value: Vec<u8>,
    ) -> BoxFuture<Result<bool, StoreError>> {
        self.failing().unwrap_or_else(|| {
            let mut nodes = self.nodes.lock().unwrap();
            let is_held = nodes.get(path) == Some(&held);
            if is_held {
                nodes.insert(path.into(), value);
            }
            Box::pin(std::future::ready(Ok(is_held)))
        })
    }

    fn changed(&self, _path: &str) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }

    fn members(&self) -> BoxFuture<Option<Vec<Holder>>> {
        Box::pin(std::future::ready(self.members.lock().unwrap().clone()))
    }
}
