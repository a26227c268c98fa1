//! Questions as a dataflow: each goes to the owners of what it asks for, their parts come back to
//! its origin, and the closing of its epoch says that all are in.

mod parts;
mod stamp;
mod users;
mod tastes;
mod products;
mod places;
mod gather;
mod answer;

pub(crate) use parts::{Part, Sent};
pub use parts::{Popular, Row, Visited, Worth};

use crate::Time;
use crate::catalogue::Catalogue;
use crate::history::Moment;
use crate::labels::Label;
use crate::model::{Lens, Model};
use crate::names::SharedVocabulary;
use crate::pairs::Pairs;
use crate::popularity::OnDay;
use crate::positions::PositionSpine;
use crate::recent::{OwnedEvent, Recent};
use crate::recommend::{Basis, Ranked, Rules};
use crate::views::View;
use crate::weights::Score;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;
use timely::dataflow::Stream;
use timely::dataflow::operators::core::Concat;
use timely::dataflow::operators::vec::Map;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A user's profile; `place` tells several of one question apart.
    Profile {
        /// Its place among the users asked for.
        place: usize,
        /// The user.
        user: String,
    },
    /// When a user was active.
    Activity {
        /// The user.
        user: String,
    },
    /// Products, best first.
    Rank {
        /// What they are ranked by.
        basis: Basis,
        /// What may be shown, and how much of it.
        rules: Rules,
    },
    /// The latest events.
    Recent {
        /// How many at most.
        limit: usize,
    },
    /// The next offset of a partition, named `topic/index`.
    Position {
        /// Its place among the partitions asked for.
        place: usize,
        /// The partition.
        partition: String,
    },
}

/// A question under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// The worker that asks.
    pub origin: usize,
    /// The question's number there.
    pub id: u64,
    /// The model and the day as of the question's time; stamped at the door.
    pub lens: Lens,
    /// What is asked.
    pub what: What,
}

impl Ask {
    /// A question that is not stamped yet.
    pub fn new(origin: usize, id: u64, what: What) -> Ask {
        Ask { origin, id, lens: Lens::default(), what }
    }
}

/// What an answer is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A profile, highest first, ties by tag.
    Profile(usize, Vec<(String, Score)>),
    /// The last minute in which a user was active, and the totals by kind.
    Activity(u32, [i64; 3]),
    /// Products, best first.
    Ranked(Vec<Ranked>),
    /// Events of one worker, newest first.
    Recent(Vec<OwnedEvent>),
    /// The next offset of a partition.
    Position(usize, i64),
}

/// All that was found for a question: its number, and the time that it is true of.
pub type Answered = (u64, Time, Vec<Found>);

/// What questions are answered from.
pub struct Views<'scope> {
    /// User to tag.
    pub profile: View<'scope, u32>,
    /// User to product, if kept.
    pub bought: Option<View<'scope, u32>>,
    /// User to minute, if kept.
    pub activity: Option<View<'scope, Reverse<u32>>>,
    /// User to moments, if kept.
    pub history: Option<View<'scope, Moment>>,
    /// What goes with what, if kept.
    pub pairs: Option<Pairs<'scope>>,
    /// Tag to product, if kept.
    pub popularity: Option<View<'scope, OnDay>>,
    /// Partition to next offset.
    pub positions: Arranged<'scope, TraceAgent<PositionSpine>>,
    /// Product to labels.
    pub labels: View<'scope, Label>,
    /// Product to row.
    pub catalogue: Catalogue<'scope>,
    /// The latest events here.
    pub recent: Rc<RefCell<Recent>>,
}

/// Answers questions: at the origin, what was found for each.
pub fn questions<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    models: Stream<'scope, Time, Vec<(Time, Model)>>,
    hours: Stream<'scope, Time, Vec<u32>>,
    views: Views<'scope>,
    vocabulary: &SharedVocabulary,
) -> Stream<'scope, Time, Vec<Answered>> {
    let asks = stamp::stamp(asks, models, hours);
    let (partners, repeats) = views.pairs.map(|pairs| (pairs.partners, pairs.repeats)).unzip();
    let asks = match repeats {
        Some(repeats) => stamp::again(asks, repeats),
        None => asks,
    };
    let mut parts = vec![
        places::recent(asks.clone(), views.profile.clone(), views.recent),
        places::positions(asks.clone(), views.positions, vocabulary.clone()),
    ];
    if let Some(activity) = views.activity {
        parts.push(users::activity(asks.clone(), activity, vocabulary.clone()));
    }
    let (profiles, mut interests) =
        split(users::profile(asks.clone(), views.profile, vocabulary.clone()));
    parts.push(profiles);
    if let Some(bought) = views.bought {
        let (bought, passed) = split(users::bought(interests, bought, vocabulary.clone()));
        parts.push(bought);
        interests = passed;
    }
    if let Some(history) = views.history {
        let (visits, passed) = split(users::visits(interests, history, vocabulary.clone()));
        parts.push(visits);
        interests = passed;
    }
    let (plans, others) = split(tastes::plans(asks));
    parts.push(plans);
    let (catalogue, labels) = (views.catalogue.clone(), views.labels.clone());
    let tastes = tastes::tagged(interests.concat(others), catalogue, labels, vocabulary);
    let leads = products::leads(tastes);
    if let Some(partners) = partners {
        parts.push(products::rows(leads.clone(), partners, vocabulary.clone()));
    }
    if let Some(popularity) = views.popularity {
        parts.push(products::popular(leads, popularity, vocabulary.clone()));
    }
    let parts = parts.into_iter().reduce(Concat::concat).expect("there are parts");
    let gathered = gather::gather(parts, vocabulary.clone());
    answer::answer(gathered, views.catalogue, views.labels, vocabulary)
}

/// What a step sends on.
#[derive(Clone)]
enum Step<N> {
    Part(Sent),
    Next(N),
}

/// Tells parts from what goes on.
fn split<'scope, N: Clone + 'static>(
    steps: Stream<'scope, Time, Vec<Step<N>>>,
) -> (Stream<'scope, Time, Vec<Sent>>, Stream<'scope, Time, Vec<N>>) {
    let parts = steps.clone().flat_map(|step| match step {
        Step::Part(part) => Some(part),
        Step::Next(_) => None,
    });
    let next = steps.flat_map(|step| match step {
        Step::Next(next) => Some(next),
        Step::Part(_) => None,
    });
    (parts, next)
}
