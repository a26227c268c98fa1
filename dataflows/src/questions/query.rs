//! Queries on their way to the workers that can answer them, and the answers.

use crate::ids::hash::owner;
use crate::ranking::answer::Ranking;
use crate::ranking::rules::{Basis, Rules};
use crate::record::event::OwnedEvent;
use crate::score::weights::Score;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// A query: the part of a question that has one key, and so one owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// A user's profile.
    Profile {
        /// The user's place in the question.
        place: usize,
        /// The user.
        user: String,
    },
    /// The last activity of a user.
    Activity {
        /// The user.
        user: String,
    },
    /// Products, best first.
    Rank {
        /// The interests that they are ranked by.
        basis: Basis,
        /// The products that may be shown, and how many.
        rules: Rules,
    },
    /// The latest events.
    Recent {
        /// The most that are wanted.
        limit: usize,
    },
    /// The next offset of a partition, named `topic/index`.
    Position {
        /// The partition's place in the question.
        place: usize,
        /// The partition.
        partition: String,
    },
}

/// A query with its way: to the worker that answers it, and back to its origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoutedQuery {
    pub(super) to: usize,
    pub(super) origin: usize,
    pub(super) id: u64,
    /// The number of queries of the same question.
    pub(super) roots: usize,
    pub(super) query: Query,
}

impl RoutedQuery {
    /// Routes the queries of the question `id` of worker `origin`: each to the worker, of `peers`,
    /// that owns its key.
    pub fn route(origin: usize, id: u64, queries: Vec<Query>, peers: usize) -> Vec<RoutedQuery> {
        let routed = |to, query| RoutedQuery { to, origin, id, roots: 0, query };
        let mut all = Vec::with_capacity(queries.len());
        for query in queries {
            match &query {
                Query::Recent { .. } => all.extend((0..peers).map(|to| routed(to, query.clone()))),
                Query::Position { partition: key, .. }
                | Query::Profile { user: key, .. }
                | Query::Activity { user: key }
                | Query::Rank { basis: Basis::User(key), .. } => {
                    all.push(routed(owner(key, peers), query));
                }
                // Any worker can plan it.
                Query::Rank { .. } => all.push(routed(origin, query)),
            }
        }
        let roots = all.len();
        all.iter_mut().for_each(|routed| routed.roots = roots);
        all
    }
}

/// The answer to one query.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A profile, highest first, ties by tag; the user's place in the question before it.
    Profile(usize, Vec<(String, Score)>),
    /// The last minute in which a user was active, and the totals by kind.
    Activity(u32, [i64; 3]),
    /// Products, best first.
    Ranked(Ranking),
    /// Events of one worker, newest first.
    Recent(Vec<OwnedEvent>),
    /// The next offset of a partition, after the partition's place in the question.
    Position(usize, i64),
}

/// All that was found for a question: its id, and the time that it is true of.
pub type Answered = (u64, Time, Vec<Found>);
