//! The oracle: computes every answer from the whole input, as simply as possible.

use crate::event::{event_day, event_time};
use crate::pairs::{Pair, pairs_of};
use crate::script::{COPY_HOURS, Step};
use dataflows::graph::Mode;
use dataflows::ids::hash::owner;
use dataflows::questions::query::{Query, QueryAnswer, Touched};
use dataflows::ranking::answer::Ranking;
use dataflows::ranking::product_info::Listing;
use dataflows::record::decision::Decision;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::record::product::{CatalogueRow, Product};
use dataflows::score::model::{Model, OwnModel};
use dataflows::score::weights::Score;
use dataflows::time::{DAY_HOURS, Time, hour};
use dataflows::views::product_words;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Tags and scores, highest first, ties by name.
type Scores = Vec<(String, Score)>;
/// An event of the history, and true if it pairs with others.
pub(crate) type Moment = (OwnedEvent, bool);

/// The input so far, without copies of events.
#[derive(Clone)]
pub(crate) struct Oracle {
    peers: usize,
    pub(crate) mode: Mode,
    pub(crate) time: Time,
    pub(crate) events: Vec<OwnedEvent>,
    /// Of each user and id, the hours in which an event was written that counted.
    seen_ids: BTreeMap<[String; 2], Vec<u32>>,
    /// The same events without those that count for nobody, as they count now.
    pub(crate) counted: Vec<Counted>,
    /// The decisions, each with the step that it came in.
    pub(crate) decisions: Vec<(usize, Decision)>,
    /// By step, its time and the number of events up to its end.
    pub(crate) step_ends: Vec<(Time, usize)>,
    now: u32,
    /// Whether the last step moved it on.
    pub(crate) is_later: bool,
    /// The hours that idle users stay.
    pub(crate) stay_hours: Option<u32>,
    /// The latest row of each product; `None` for a deleted one.
    pub(crate) catalogue: BTreeMap<String, Option<Product>>,
    pub(crate) model: Model,
    positions: BTreeMap<String, i64>,
    /// The moments that the history has now, but for what does not count.
    pub(crate) history: Vec<Moment>,
    /// What stays of those that left it by age.
    pub(crate) aged: Aged,
    /// All pairs, of what has left too.
    pub(crate) pairs: Vec<Pair>,
}

/// An event that counts for somebody.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// With the user for whom it counts, and with the tags that it kept when it left the history.
    pub(crate) event: OwnedEvent,
    /// The user from whose events it was made, as far as that is known.
    pub(crate) origin: String,
    pub(crate) place: Place,
    /// Whether it is a guest's, of which nothing stays when it leaves the history or is not let in.
    pub(crate) by_guest: bool,
    /// Of a cart, whether a removal has taken it back; of a removal, whether the cart that it took has left.
    pub(crate) is_taken: bool,
}

impl Counted {
    /// The minute of activity: that of the event, or the first of its day once it is in no history.
    pub(crate) fn minute(&self) -> u64 {
        match self.place {
            Place::History(_) => event_time(&self.event) / 60_000,
            Place::Rest(_) => u64::from(event_day(&self.event)) * 24 * 60,
        }
    }
}

/// What stays of moments that left by age.
#[derive(Clone, Default)]
pub(crate) struct Aged {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) popular: Vec<AgedPopular>,
}

/// An event under one of its tags, or overall.
#[derive(Clone)]
pub(crate) struct AgedPopular {
    pub(crate) tag: String,
    pub(crate) product: String,
    pub(crate) kind: Kind,
    pub(crate) day: u16,
}

/// What accounts for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A moment of the history, and whether it pairs.
    History(bool),
    /// Nothing but the rest of its user. If it came from another, that is known for a horizon from this hour on.
    Rest(u32),
}

impl Oracle {
    pub(crate) fn new(peers: usize, mode: Mode, stay_hours: Option<u32>) -> Oracle {
        Oracle {
            peers,
            mode,
            time: 0,
            events: vec![],
            seen_ids: BTreeMap::new(),
            counted: vec![],
            decisions: vec![],
            step_ends: vec![],
            now: 0,
            is_later: false,
            stay_hours,
            catalogue: BTreeMap::new(),
            model: Model::default(),
            positions: BTreeMap::new(),
            history: vec![],
            aged: Aged::default(),
            pairs: vec![],
        }
    }

    /// Adds the input of a step.
    pub(crate) fn add(&mut self, step: &Step) {
        let decided = self.decisions.iter().filter(|(at, _)| *at + 1 == self.step_ends.len());
        let decided: Vec<_> = decided.map(|(_, decision)| decision.clone()).collect();
        let leaving = self.leaving();
        self.carry_out(&decided, &leaving);
        self.take_back();
        self.time = step.time;
        let unique: Vec<_> =
            step.events.iter().filter(|event| self.is_new(event)).cloned().collect();
        let written = |event| event_time(event).min(step.time / 1000);
        let newest = step.events.iter().map(written).max().unwrap_or_default();
        let before = self.today();
        self.is_later = self.now < hour(newest);
        self.now = self.now.max(hour(newest));
        self.events.extend(unique.iter().cloned());
        self.step_ends.push((step.time, self.events.len()));
        self.age(before);
        self.forget_old();
        self.admit(&unique);
        self.take_back();
        let at = self.step_ends.len() - 1;
        self.decisions.extend(step.decisions.iter().map(|decision| (at, decision.clone())));
        for CatalogueRow { product: id, row } in &step.rows {
            self.catalogue.insert(id.clone(), row.clone());
        }
        if let Some(model) = &step.model {
            self.model = model.clone();
        }
        for (partition, by) in &step.advances {
            *self.positions.entry(partition.clone()).or_default() += by;
        }
        let counting = self.counted.iter().filter(|counted| counted.counts());
        let moments = counting.filter_map(|counted| match counted.place {
            Place::History(pairs) => Some((counted.event.clone(), pairs)),
            _ => None,
        });
        self.history = moments.collect();
        let paired = self.history.iter().filter(|(_, pairs)| *pairs).map(|(event, _)| event);
        self.pairs = pairs_of(&paired.collect::<Vec<_>>());
        self.pairs.extend(self.aged.pairs.iter().cloned());
    }

    /// Counts an event, unless it is a copy of one that was. Its record is written at the step's time.
    fn is_new(&mut self, event: &OwnedEvent) -> bool {
        if event.id.is_empty() {
            return true;
        }
        let written = hour(self.time / 1000);
        let hours = self.seen_ids.entry([event.user.clone(), event.id.clone()]).or_default();
        let is_new = hours.iter().all(|other| other + COPY_HOURS < written);
        if is_new {
            hours.push(written);
        }
        is_new
    }

    /// The answers to a query, in any order.
    pub(crate) fn answer(&self, query: &Query) -> Vec<QueryAnswer> {
        match query {
            Query::Profile { place, user, weights } => {
                let own = OwnModel { weights: *weights, blend: None };
                vec![QueryAnswer::Profile(*place, self.with(own).profile(user))]
            }
            Query::Activity { user } if self.mode == Mode::All => {
                self.activity(user).into_iter().collect()
            }
            Query::Activity { .. } => vec![],
            Query::Touched { user } if self.mode == Mode::All => {
                vec![QueryAnswer::Touched(self.touched(user))]
            }
            Query::Touched { .. } => vec![QueryAnswer::Touched(Touched::default())],
            Query::Product { product } => {
                vec![QueryAnswer::Product(match self.catalogue.get(product) {
                    None => Listing::Unlisted,
                    Some(None) => Listing::Deleted,
                    Some(Some(row)) => Listing::Listed(row.clone().into()),
                })]
            }
            Query::ProductDays { product } => {
                vec![QueryAnswer::ProductDays(self.product_days(product))]
            }
            Query::Search { words, after, n } => {
                let of = |peer| self.search(peer, words, after.as_ref(), *n);
                (0..self.peers).map(|peer| QueryAnswer::Found(of(peer))).collect()
            }
            Query::Recent { limit, .. } => {
                (0..self.peers).map(|peer| self.recent(peer, *limit)).collect()
            }
            Query::Path { .. } | Query::Forgotten { .. } | Query::Grade(_) | Query::Learned => {
                unreachable!("scripts do not ask for it")
            }
            Query::Why { .. } => unreachable!("it is held to the oracle by its parts"),
            Query::Digests => vec![QueryAnswer::Digests(self.digests())],
            Query::Written => (0..self.peers).map(|peer| self.written(peer)).collect(),
            Query::Position { place, partition } => {
                let next = self.positions.get(partition).copied().unwrap_or_default();
                vec![QueryAnswer::Position(*place, next)]
            }
            Query::Rank { basis, rules, own } if self.mode == Mode::All => {
                vec![QueryAnswer::Ranking(
                    self.with(own.as_deref().copied().unwrap_or_default()).ranking(basis, rules),
                )]
            }
            Query::Rank { .. } => vec![QueryAnswer::Ranking(Ranking::default())],
        }
    }

    /// The same input with what a question brings of the model in force.
    fn with(&self, own: OwnModel) -> Cow<'_, Oracle> {
        if own == OwnModel::default() {
            return Cow::Borrowed(self);
        }
        let mut oracle = self.clone();
        let model = &mut oracle.model;
        model.weights = own.weights.unwrap_or(model.weights);
        model.blend = own.blend.unwrap_or(model.blend);
        Cow::Owned(oracle)
    }

    /// A page of a peer's products, by words that are found one by one.
    fn search(
        &self,
        peer: usize,
        asked: &[String],
        after: Option<&product_words::Place>,
        n: usize,
    ) -> product_words::Page {
        let longest = asked.iter().rev().max_by_key(|word| word.len()).map_or("", String::as_str);
        let place = |(id, row): (&String, &Product)| {
            let texts = [id, &row.name].into_iter().chain(&row.tags);
            let words = texts.flat_map(|text| text.split(' ')).collect::<BTreeSet<_>>();
            let has = |asked: &String| words.iter().any(|word| word.starts_with(asked.as_str()));
            let first = words.iter().find(|word| word.starts_with(longest))?;
            let place = ((*first).to_owned(), id.clone());
            asked.iter().all(has).then(|| (place, Arc::new(row.clone())))
        };
        let listed = self.catalogue.iter().filter_map(|(id, row)| Some((id, row.as_ref()?)));
        let listed = listed.filter(|(id, _)| owner(id, self.peers) == peer);
        let mut found: Vec<_> = listed.filter_map(place).collect();
        found.retain(|(place, _)| after.is_none_or(|after| after < place));
        found.sort();
        found.truncate(n);
        let until = found.last().filter(|_| found.len() == n).map(|(place, _)| place.clone());
        product_words::Page { found, until }
    }

    /// The positions that a peer counts, without a sink.
    fn written(&self, peer: usize) -> QueryAnswer {
        let owned = self.positions.iter().filter(|(name, _)| owner(name, self.peers) == peer);
        let read = owned.filter(|(_, next)| **next != 0);
        QueryAnswer::Written(Time::MAX, read.map(|(name, next)| (name.clone(), *next)).collect())
    }

    /// The hour of the newest event as of the last step, copies among them, never ahead of when it came.
    pub(crate) fn now_at_end(&self) -> u32 {
        self.now
    }

    /// The day of the newest event, likewise.
    pub(crate) fn today(&self) -> u16 {
        u16::try_from(self.now_at_end() / DAY_HOURS).expect("a day")
    }

    /// The catalogue row of a product, unless it is deleted.
    pub(crate) fn row_of(&self, product: &str) -> Option<&Product> {
        self.catalogue.get(product)?.as_ref()
    }

    /// The tags under which an event counts now.
    pub(crate) fn tags<'a>(&'a self, event: &'a OwnedEvent) -> Vec<&'a str> {
        let row: &[String] = self.row_of(&event.product).map_or(&[], |row| &row.tags);
        match if event.tags.is_empty() { row } else { &event.tags } {
            [] => vec![stand_in(event)],
            tags => tags.iter().map(String::as_str).collect(),
        }
    }

    /// The events of a user.
    fn of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a OwnedEvent> {
        let counting = self.counted.iter().filter(|counted| counted.counts());
        counting.map(|counted| &counted.event).filter(move |event| event.user == user)
    }

    /// Sums the weights of a user's events by tag.
    pub(crate) fn profile(&self, user: &str) -> Scores {
        let mut scores: BTreeMap<&str, i64> = BTreeMap::new();
        for event in self.of(user) {
            for tag in self.tags(event) {
                *scores.entry(tag).or_default() +=
                    self.model.weights.of(event.event_type.topic()).0;
            }
        }
        let mut scores: Scores =
            scores.into_iter().map(|(name, score)| (name.into(), Score(score))).collect();
        scores.sort_by_key(|(_, score)| Reverse(*score));
        scores.retain(|(_, score)| *score != Score(0));
        scores
    }

    /// The products that a user bought.
    pub(crate) fn bought(&self, user: &str) -> BTreeSet<String> {
        let is_purchase = |event: &&OwnedEvent| event.event_type == Kind::Purchase.into();
        let purchases = self.of(user).filter(is_purchase);
        purchases.map(|event| event.product.clone()).collect()
    }

    fn touched(&self, user: &str) -> Touched {
        let (seen, bought) = (self.seen(user), self.bought(user));
        let (bought_count, bought) = (bought.len(), bought.into_iter().collect());
        Touched { visit: seen.visit, before: seen.earlier, bought, bought_count }
    }

    fn activity(&self, user: &str) -> Option<QueryAnswer> {
        let events = || self.of(user);
        let of_user = self.counted.iter().filter(|counted| counted.event.user == user);
        let of_user = of_user.filter(|counted| counted.counts());
        let last = of_user.map(Counted::minute).max()?;
        let total =
            |kind: Kind| events().map(|event| i64::from(event.event_type == kind.into())).sum();
        Some(QueryAnswer::Activity(u32::try_from(last).expect("minutes"), Kind::ALL.map(total)))
    }

    fn recent(&self, peer: usize, limit: usize) -> QueryAnswer {
        let shown = |event: &&OwnedEvent| self.holder(event, event_time(event), None).is_some();
        let events = self.events.iter().rev().filter(shown);
        let mut events: Vec<OwnedEvent> =
            events.filter(|event| owner(&event.user, self.peers) == peer).cloned().collect();
        events.sort_by_key(|event| Reverse(event.time));
        events.truncate(limit);
        QueryAnswer::Recent(events)
    }
}

/// The tag of an event without tags until the catalogue knows its product.
pub(crate) fn stand_in(event: &OwnedEvent) -> &str {
    if event.category.is_empty() { &event.product } else { &event.category }
}
