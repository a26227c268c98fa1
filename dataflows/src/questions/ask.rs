//! Questions, each with the type of its answer.

use super::query::{ProductDays, Query, QueryAnswer, Touched};
use crate::digest::hash::Digest;
use crate::digest::rows::DigestedView;
use crate::ingest::decisions::Forgotten;
use crate::ranking::answer::{Obstacle, Ranking, Why};
use crate::ranking::product_info::Listing;
use crate::ranking::rules::{Basis, Rules};
use crate::record::event::OwnedEvent;
use crate::score::model::OwnModel;
use crate::score::model_history::LearnedState;
use crate::score::weights::{Score, Weights};
use crate::time::Time;
use crate::views::product_words::{Page, Place, words};
use crate::views::recent::newest_first;

/// A question. It is answered from the whole cluster's state as of one logical time.
pub trait Ask: Send + 'static {
    /// The answer.
    type Answer: Send + 'static;

    /// The queries that it consists of. Without any, the answer is [`Ask::answer`] of an empty
    /// list.
    fn queries(&self) -> Vec<Query>;

    /// The only user that it is about, if there is one. Asked at this user's owner, it needs no
    /// other worker.
    fn user(&self) -> Option<&str> {
        None
    }

    /// For a question about the input, a time: the answer is as of a later one. It is held until
    /// every later question, to any process, is answered as of its time or later.
    fn settled_after(&self) -> Option<Time> {
        None
    }

    /// Whether somebody waits for the answer: epochs are smaller while such questions come.
    fn is_urgent(&self) -> bool {
        true
    }

    /// Makes the answer from the answers to the queries, which come in any order.
    fn answer(self, answers: Vec<QueryAnswer>) -> Self::Answer;
}

/// Tags and scores, highest first, ties by tag.
pub type Profile = Vec<(String, Score)>;

/// The profiles of users, in the order asked. An unknown user's is empty.
pub struct Profiles {
    /// The users.
    pub users: Vec<String>,
    /// The weights that score them; none for those in force.
    pub weights: Option<Weights>,
}

impl Profiles {
    /// The profiles by the weights in force.
    pub fn of(users: Vec<String>) -> Profiles {
        Profiles { users, weights: None }
    }
}

impl Ask for Profiles {
    type Answer = Vec<Profile>;

    fn queries(&self) -> Vec<Query> {
        let (users, weights) = (self.users.iter().cloned().enumerate(), self.weights);
        users.map(|(place, user)| Query::Profile { place, user, weights }).collect()
    }

    fn user(&self) -> Option<&str> {
        let [user] = &*self.users else { return None };
        Some(user)
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Vec<Profile> {
        let mut profiles = vec![Vec::new(); self.users.len()];
        for answer in answers {
            if let QueryAnswer::Profile(place, profile) = answer {
                profiles[place] = profile;
            }
        }
        profiles
    }
}

/// The activity of a user; `None` for an unknown one.
pub struct Activity(pub String);

/// A user's last activity, and the numbers of events.
#[derive(Clone, Debug, PartialEq)]
pub struct UserActivity {
    /// The last activity, in milliseconds since the Unix epoch, to the minute.
    pub last: i64,
    /// The numbers of events by kind, in the order of `Kind::ALL`.
    pub totals: [i64; 3],
}

impl UserActivity {
    fn of(minute: u32, totals: [i64; 3]) -> UserActivity {
        UserActivity { last: i64::from(minute) * 60_000, totals }
    }
}

impl Ask for Activity {
    type Answer = Option<UserActivity>;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Activity { user: self.0.clone() }]
    }

    fn user(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Option<UserActivity> {
        answers.into_iter().find_map(|answer| match answer {
            QueryAnswer::Activity(minute, totals) => Some(UserActivity::of(minute, totals)),
            _ => None,
        })
    }
}

/// All that is known of a user.
pub struct UserState(pub String);

/// The answer to [`UserState`], all of it as of one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownUser {
    /// The profile by the weights in force.
    pub profile: Profile,
    /// None for a user without events.
    pub activity: Option<UserActivity>,
    /// The products that the user has seen and bought.
    pub touched: Touched,
}

impl Ask for UserState {
    type Answer = KnownUser;

    fn queries(&self) -> Vec<Query> {
        let user = || self.0.clone();
        vec![
            Query::Profile { place: 0, user: user(), weights: None },
            Query::Activity { user: user() },
            Query::Touched { user: user() },
        ]
    }

    fn user(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> KnownUser {
        let mut known = KnownUser::default();
        for answer in answers {
            match answer {
                QueryAnswer::Profile(_, profile) => known.profile = profile,
                QueryAnswer::Activity(minute, totals) => {
                    known.activity = Some(UserActivity::of(minute, totals));
                }
                QueryAnswer::Touched(touched) => known.touched = touched,
                _ => {}
            }
        }
        known
    }
}

/// The state of a product in the catalogue.
pub struct ListingOf(pub String);

impl Ask for ListingOf {
    type Answer = Listing;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Product { product: self.0.clone() }]
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Listing {
        let listing = answers.into_iter().find_map(|answer| match answer {
            QueryAnswer::Product(listing) => Some(listing),
            _ => None,
        });
        listing.unwrap_or(Listing::Unlisted)
    }
}

/// The days on which a product was touched, and how often.
pub struct ProductActivity(pub String);

impl Ask for ProductActivity {
    type Answer = ProductDays;

    fn queries(&self) -> Vec<Query> {
        vec![Query::ProductDays { product: self.0.clone() }]
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> ProductDays {
        let days = answers.into_iter().find_map(|answer| match answer {
            QueryAnswer::ProductDays(days) => Some(days),
            _ => None,
        });
        days.unwrap_or_default()
    }
}

/// A page of the catalogue's products, by what their words begin with.
pub struct Search {
    /// For each of these a product has a word that begins with it, case aside. Without any, all products are meant.
    pub text: String,
    /// Where the page before ended.
    pub after: Option<Place>,
    /// The most products to return.
    pub n: usize,
}

impl Ask for Search {
    type Answer = Page;

    fn queries(&self) -> Vec<Query> {
        let Search { text, after, n } = self;
        vec![Query::Search { words: words(text).collect(), after: after.clone(), n: *n }]
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Page {
        let pages = answers.into_iter().filter_map(|answer| match answer {
            QueryAnswer::Found(page) => Some(page),
            _ => None,
        });
        Page::first(pages, self.n)
    }
}

/// Products, best first.
pub struct Rank {
    /// What the ranking starts from.
    pub basis: Basis,
    /// The products that may be shown, and how many.
    pub rules: Rules,
    /// What the question brings of the model, if anything.
    pub own: Option<Box<OwnModel>>,
}

impl Ask for Rank {
    type Answer = Ranking;

    fn queries(&self) -> Vec<Query> {
        let Rank { basis, rules, own } = self;
        vec![Query::Rank { basis: basis.clone(), rules: rules.clone(), own: own.clone() }]
    }

    fn user(&self) -> Option<&str> {
        self.basis.user()
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Ranking {
        let ranking = answers.into_iter().find_map(|answer| match answer {
            QueryAnswer::Ranking(ranking) => Some(ranking),
            _ => None,
        });
        ranking.unwrap_or_default()
    }
}

/// Why a product is at its place in a ranking, or in none.
pub struct AskWhy {
    /// What the ranking starts from.
    pub basis: Basis,
    /// The products that it may show, and how many.
    pub rules: Rules,
    /// The product.
    pub product: String,
}

impl Ask for AskWhy {
    type Answer = Why;

    fn queries(&self) -> Vec<Query> {
        let AskWhy { basis, rules, product } = self;
        let (basis, rules, product) = (basis.clone(), rules.clone(), product.clone());
        vec![Query::Why { basis, rules, product }]
    }

    fn user(&self) -> Option<&str> {
        self.basis.user()
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Why {
        let why = answers.into_iter().find_map(|answer| match answer {
            QueryAnswer::Why(why) => Some(*why),
            _ => None,
        });
        // Without the views that rankings need there is no source.
        why.unwrap_or_else(|| Why { obstacles: vec![Obstacle::NoSource], ..Why::default() })
    }
}

/// What was learned of the weights of rankings, and how good these were.
pub struct LearnedWeights;

impl Ask for LearnedWeights {
    type Answer = LearnedState;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Learned]
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> LearnedState {
        let state = answers.into_iter().find_map(|answer| match answer {
            QueryAnswer::Learned(state) => Some(*state),
            _ => None,
        });
        state.expect("the query has one answer")
    }
}

/// The latest events of all workers, newest first.
pub struct Latest {
    /// The most events to return.
    pub limit: usize,
    /// The logical time after which they came in, or any: with that of an earlier answer, none of its events comes again.
    pub after: Option<Time>,
}

impl Ask for Latest {
    type Answer = Vec<OwnedEvent>;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Recent { limit: self.limit, after: self.after }]
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Vec<OwnedEvent> {
        let mut events = Vec::new();
        for answer in answers {
            if let QueryAnswer::Recent(more) = answer {
                // `newest_first` expects the order of the input, and these are newest first.
                events.extend(more.into_iter().rev());
            }
        }
        newest_first(&mut events, self.limit);
        events
    }
}

/// The digests of the views that are kept, of all workers' rows.
pub struct ViewDigests;

impl Ask for ViewDigests {
    type Answer = Vec<(DigestedView, Digest)>;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Digests]
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Vec<(DigestedView, Digest)> {
        let mut sums = Vec::new();
        for answer in answers {
            if let QueryAnswer::Digests(digests) = answer {
                add_digests(&mut sums, digests);
            }
        }
        sums
    }
}

fn add_digests(sums: &mut Vec<(DigestedView, Digest)>, digests: Vec<(DigestedView, Digest)>) {
    for (view, digest) in digests {
        match sums.iter_mut().find(|(other, _)| *other == view) {
            Some((_, sum)) => *sum += digest,
            None => sums.push((view, digest)),
        }
    }
}

/// What became of the forgets of a user whose rows have left the views, the earliest first.
pub struct Forgets(pub String);

/// A forget whose rows have left the views.
#[derive(Clone, Debug, PartialEq)]
pub struct ForgetState {
    /// What became of it at all workers.
    pub forgotten: Forgotten,
    /// The digests of the views as of just before the rows left.
    pub before: Vec<(DigestedView, Digest)>,
    /// The digests as of when they left; nothing else happened between the two.
    pub after: Vec<(DigestedView, Digest)>,
}

impl Ask for Forgets {
    type Answer = Vec<ForgetState>;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Forgotten { user: self.0.clone() }]
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Vec<ForgetState> {
        let mut states: Vec<ForgetState> = Vec::new();
        for answer in answers {
            let QueryAnswer::Forgotten(mut parts) = answer else { continue };
            parts.sort_by_key(|(part, _)| (part.since, part.time, part.recorded));
            for (at, (part, [before, after])) in parts.into_iter().enumerate() {
                let Some(state) = states.get_mut(at) else {
                    states.push(ForgetState { forgotten: part, before, after });
                    continue;
                };
                // It is done when all workers have done it.
                let all = |one: Option<Time>, other: Option<Time>| Some(one?.max(other?));
                state.forgotten.written = all(state.forgotten.written, part.written);
                state.forgotten.erased = all(state.forgotten.erased, part.erased);
                add_digests(&mut state.before, before);
                add_digests(&mut state.after, after);
            }
        }
        states
    }
}

/// The users that lead from one to another for some event up to a time: the first one, whom that was merged into, and
/// so on.
#[derive(Clone, Debug)]
pub struct Path {
    /// The first user.
    pub from: String,
    /// The last user.
    pub to: String,
    /// In milliseconds since the Unix epoch.
    pub until: i64,
}

impl Ask for Path {
    type Answer = Option<Vec<String>>;

    fn queries(&self) -> Vec<Query> {
        let Path { from, to, until } = self;
        vec![Query::Path { from: from.clone(), to: to.clone(), until: *until }]
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Option<Vec<String>> {
        answers.into_iter().find_map(|answer| match answer {
            QueryAnswer::Path(path) => path,
            _ => None,
        })
    }
}

/// Those paths of several that there are, in any order.
pub struct Paths(pub Vec<Path>);

impl Ask for Paths {
    type Answer = Vec<Vec<String>>;

    fn queries(&self) -> Vec<Query> {
        self.0.iter().flat_map(Path::queries).collect()
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Vec<Vec<String>> {
        let paths = answers.into_iter().filter_map(|answer| match answer {
            QueryAnswer::Path(path) => path,
            _ => None,
        });
        paths.collect()
    }
}

/// How far the sinks of all workers have written, and what the answer's time has read of each partition.
pub struct Written;

/// The answer to [`Written`].
#[derive(Clone, Debug, PartialEq)]
pub struct SinkProgress {
    /// Every change of an earlier time has been written, at every worker.
    pub before: Time,
    /// The next offset of each partition, named `topic/index`, as of the answer's time; in the order of names.
    pub positions: Vec<(String, i64)>,
}

impl Ask for Written {
    type Answer = SinkProgress;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Written]
    }

    fn is_urgent(&self) -> bool {
        false
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> SinkProgress {
        let mut progress = SinkProgress { before: Time::MAX, positions: Vec::new() };
        for answer in answers {
            if let QueryAnswer::Written(before, positions) = answer {
                progress.before = progress.before.min(before);
                progress.positions.extend(positions);
            }
        }
        progress.positions.sort_unstable();
        progress
    }
}

/// The next offsets of partitions, as parts of the state, in the order asked; 0 for one never read.
pub struct Positions {
    /// The partitions, each named `topic/index`.
    pub partitions: Vec<String>,
    /// The answer must be as of a later time than this.
    pub after: Time,
}

impl Ask for Positions {
    type Answer = Vec<i64>;

    fn queries(&self) -> Vec<Query> {
        let partitions = self.partitions.iter().cloned().enumerate();
        partitions.map(|(place, partition)| Query::Position { place, partition }).collect()
    }

    fn settled_after(&self) -> Option<Time> {
        Some(self.after)
    }

    fn answer(self, answers: Vec<QueryAnswer>) -> Vec<i64> {
        let mut positions = vec![0; self.partitions.len()];
        for answer in answers {
            if let QueryAnswer::Position(place, next) = answer {
                positions[place] = next;
            }
        }
        positions
    }
}
