//! Queries, the workers that answer them, and the answers.

use crate::digest::hash::Digest;
use crate::digest::rows::DigestedView;
use crate::ids::hash::owner;
use crate::ingest::decisions::Forgotten;
use crate::ingest::sample::Sampled;
use crate::ranking::answer::{Ranking, Why};
use crate::ranking::product_info::Listing;
use crate::ranking::rules::{Basis, Rules};
use crate::record::event::OwnedEvent;
use crate::score::grade::Grade;
use crate::score::model::OwnModel;
use crate::score::model_history::LearnedState;
use crate::score::weights::{Score, Weights};
use crate::time::Time;
use crate::views::product_words::{Page, Place};
use serde::{Deserialize, Serialize};

/// The part of a question that has one key, and so one owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// A user's profile.
    Profile {
        /// The user's place in the question.
        place: usize,
        /// The user.
        user: String,
        /// The weights that score it; none for those in force.
        weights: Option<Weights>,
    },
    /// The last activity of a user.
    Activity {
        /// The user.
        user: String,
    },
    /// The products that a user has seen and bought.
    Touched {
        /// The user.
        user: String,
    },
    /// Products, best first.
    Rank {
        /// What the ranking starts from.
        basis: Basis,
        /// The products that may be shown, and how many.
        rules: Rules,
        /// What the question brings of the model, if anything; few do.
        own: Option<Box<OwnModel>>,
    },
    /// Why a product is at its place in a ranking, or in none.
    Why {
        /// What the ranking starts from.
        basis: Basis,
        /// The products that it may show, and how many.
        rules: Rules,
        /// The product.
        product: String,
    },
    /// The grade of an event, asked by its user's owner.
    Grade(Sampled),
    /// What was learned of the weights of rankings, and how good they were.
    Learned,
    /// The state of a product in the catalogue.
    Product {
        /// The product.
        product: String,
    },
    /// On which days a product was touched, and how often.
    ProductDays {
        /// The product.
        product: String,
    },
    /// A page of the catalogue's products.
    Search {
        /// What their words are to begin with.
        words: Vec<String>,
        /// Where the page before ended.
        after: Option<Place>,
        /// The most products to return.
        n: usize,
    },
    /// The latest events.
    Recent {
        /// The most events to return.
        limit: usize,
        /// The logical time after which they came in; without one, at any.
        after: Option<Time>,
    },
    /// The digests of the views.
    Digests,
    /// The users that lead from one to another, by what was said of them.
    Path {
        /// The first user.
        from: String,
        /// The last user.
        to: String,
        /// For an event up to this time, in milliseconds since the Unix epoch.
        until: i64,
    },
    /// What became of the forgets of a user.
    Forgotten {
        /// The user.
        user: String,
    },
    /// How far the sinks have written, and the next offsets of all partitions.
    Written,
    /// The next offset of a partition, named `topic/index`.
    Position {
        /// The partition's place in the question.
        place: usize,
        /// The partition.
        partition: String,
    },
}

/// A query with the worker that answers it, and the worker that asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoutedQuery {
    pub(super) to: usize,
    pub(super) origin: usize,
    pub(super) id: u64,
    /// The number of queries of its question.
    pub(super) query_count: usize,
    pub(super) query: Query,
}

impl RoutedQuery {
    /// Routes the queries of the question `id` of worker `origin`, each to that of `peers` workers
    /// which owns its key.
    pub fn route(origin: usize, id: u64, queries: Vec<Query>, peers: usize) -> Vec<RoutedQuery> {
        let routed = |to, query| RoutedQuery { to, origin, id, query_count: 0, query };
        let mut all = Vec::with_capacity(queries.len());
        for query in queries {
            match &query {
                Query::Recent { .. }
                | Query::Search { .. }
                | Query::Digests
                | Query::Forgotten { .. }
                | Query::Written => all.extend((0..peers).map(|to| routed(to, query.clone()))),
                Query::Position { partition: key, .. }
                | Query::ProductDays { product: key }
                | Query::Profile { user: key, .. }
                | Query::Activity { user: key }
                | Query::Touched { user: key }
                | Query::Rank { basis: Basis::User(key), .. }
                | Query::Why { basis: Basis::User(key), .. } => {
                    all.push(routed(owner(key, peers), query));
                }
                // Any worker knows all decisions, grades and products, and can plan a ranking that has no user.
                Query::Path { .. }
                | Query::Product { .. }
                | Query::Rank { .. }
                | Query::Why { .. }
                | Query::Grade(_)
                | Query::Learned => {
                    all.push(routed(origin, query));
                }
            }
        }
        let query_count = all.len();
        all.iter_mut().for_each(|routed| routed.query_count = query_count);
        all
    }
}

/// The digests of views.
pub type ViewDigests = Vec<(DigestedView, Digest)>;

/// The products that a user has seen and bought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// The products of the latest visit that a ranking goes by, newest first.
    pub visit: Vec<String>,
    /// The same from before it.
    pub before: Vec<String>,
    /// The products that were bought, by their ids: the first [`Touched::MOST_BOUGHT`].
    pub bought: Vec<String>,
    /// How many products were bought.
    pub bought_count: usize,
}

impl Touched {
    /// The most bought products that are told. Few have more.
    pub const MOST_BOUGHT: usize = 1_000;
}

/// The days on which a product was touched, oldest first, counted from the Unix epoch, each with the numbers of events by
/// kind. Beyond the horizon and three days, the first day of a week stands for all of it.
pub type ProductDays = Vec<(u16, [i64; 3])>;

/// The answer to one query.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryAnswer {
    /// The user's place in the question, and the profile: highest score first, ties by tag.
    Profile(usize, Vec<(String, Score)>),
    /// The last minute in which a user was active, and the numbers of events by kind.
    Activity(u32, [i64; 3]),
    /// The products that a user has seen and bought.
    Touched(Touched),
    /// Products, best first.
    Ranking(Ranking),
    /// Why a product is at its place in a ranking, or in none.
    Why(Box<Why>),
    /// The grade of an event; none if nothing was to be shown before it.
    Grade(Option<Grade>),
    /// What was learned.
    Learned(Box<LearnedState>),
    /// The state of a product in the catalogue.
    Product(Listing),
    /// As [`ProductDays`].
    ProductDays(ProductDays),
    /// A page of the catalogue's products that one worker owns.
    Found(Page),
    /// Events of one worker, newest first.
    Recent(Vec<OwnedEvent>),
    /// The digests of one worker's rows.
    Digests(ViewDigests),
    /// What became of the forgets of a user at one worker, each with the digests of its rows before the user's left and
    /// after.
    Forgotten(Vec<(Forgotten, [ViewDigests; 2])>),
    /// The users of the path, if there is one, the first one first.
    Path(Option<Vec<String>>),
    /// The time before which one worker's sink has written everything, and the next offsets of that worker's
    /// partitions.
    Written(Time, Vec<(String, i64)>),
    /// The partition's place in the question, and its next offset.
    Position(usize, i64),
}

/// A question's id, the time that it was answered as of, and the answers to its queries.
pub type Answered = (u64, Time, Vec<QueryAnswer>);
