//! Questions, each with the type of its answer.

use super::query::{Found, Query};
use crate::ranking::answer::Ranking;
use crate::ranking::rules::{Basis, Rules};
use crate::record::event::OwnedEvent;
use crate::score::weights::Score;
use crate::time::Time;
use crate::views::recent::newest_first;

/// A question. It is answered at one logical time, from the whole cluster's state.
pub trait Ask: Send + 'static {
    /// The answer.
    type Answer: Send + 'static;

    /// The queries that it consists of. Without any, [`Ask::answer`] of nothing is the answer.
    fn queries(&self) -> Vec<Query>;

    /// The one user that it is about: asked at the user's owner, nothing need travel.
    fn user(&self) -> Option<&str> {
        None
    }

    /// For a question about the input: its answer is as of a later time than this. The answer is kept
    /// back until any question asked from then on, of any process, is answered as of its time or later.
    fn settled_after(&self) -> Option<Time> {
        None
    }

    /// Makes the answer of what was found for the queries, in any order.
    fn answer(self, found: Vec<Found>) -> Self::Answer;
}

/// Tags and scores, highest first, ties by tag.
pub type Profile = Vec<(String, Score)>;

/// The profiles of users, in the order asked. An unknown user's is empty.
pub struct Profiles(pub Vec<String>);

impl Ask for Profiles {
    type Answer = Vec<Profile>;

    fn queries(&self) -> Vec<Query> {
        let users = self.0.iter().cloned().enumerate();
        users.map(|(place, user)| Query::Profile { place, user }).collect()
    }

    fn user(&self) -> Option<&str> {
        let [user] = &*self.0 else { return None };
        Some(user)
    }

    fn answer(self, found: Vec<Found>) -> Vec<Profile> {
        let mut profiles = vec![Vec::new(); self.0.len()];
        for found in found {
            if let Found::Profile(place, profile) = found {
                profiles[place] = profile;
            }
        }
        profiles
    }
}

/// The activity of a user; `None` of an unknown one.
pub struct Activity(pub String);

/// The last activity of a user, and the totals by kind.
#[derive(Clone, Debug, PartialEq)]
pub struct UserActivity {
    /// Milliseconds since the Unix epoch, to the minute.
    pub last: i64,
    /// Events by kind, in the order of `Kind::ALL`.
    pub totals: [i64; 3],
}

impl Ask for Activity {
    type Answer = Option<UserActivity>;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Activity { user: self.0.clone() }]
    }

    fn user(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn answer(self, found: Vec<Found>) -> Option<UserActivity> {
        found.into_iter().find_map(|found| match found {
            Found::Activity(minute, totals) => {
                Some(UserActivity { last: i64::from(minute) * 60_000, totals })
            }
            _ => None,
        })
    }
}

/// Products, best first.
pub struct Rank {
    /// The interests that they are ranked by.
    pub basis: Basis,
    /// The products that may be shown, and how many.
    pub rules: Rules,
}

impl Ask for Rank {
    type Answer = Ranking;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Rank { basis: self.basis.clone(), rules: self.rules.clone() }]
    }

    fn user(&self) -> Option<&str> {
        let Basis::User(user) = &self.basis else { return None };
        Some(user)
    }

    fn answer(self, found: Vec<Found>) -> Ranking {
        let ranking = found.into_iter().find_map(|found| match found {
            Found::Ranked(ranking) => Some(ranking),
            _ => None,
        });
        ranking.unwrap_or_default()
    }
}

/// The latest events of all workers, newest first.
pub struct Latest {
    /// The most that are wanted.
    pub limit: usize,
}

impl Ask for Latest {
    type Answer = Vec<OwnedEvent>;

    fn queries(&self) -> Vec<Query> {
        vec![Query::Recent { limit: self.limit }]
    }

    fn answer(self, found: Vec<Found>) -> Vec<OwnedEvent> {
        let mut events = Vec::new();
        for found in found {
            if let Found::Recent(more) = found {
                // They come newest first; `newest_first` takes them in the order of the input.
                events.extend(more.into_iter().rev());
            }
        }
        newest_first(&mut events, self.limit);
        events
    }
}

/// The next offset of partitions that the state contains, in the order asked; 0 of one never read.
pub struct Positions {
    /// The partitions, each named `topic/index`.
    pub partitions: Vec<String>,
    /// The answer is to be of a later time than this.
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

    fn answer(self, found: Vec<Found>) -> Vec<i64> {
        let mut positions = vec![0; self.partitions.len()];
        for found in found {
            if let Found::Position(place, next) = found {
                positions[place] = next;
            }
        }
        positions
    }
}
