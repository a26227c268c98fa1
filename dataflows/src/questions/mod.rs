//! Questions as a dataflow of their own, beside the one that keeps the views: each goes to the owners
//! of what it asks for, and their parts come back to its origin, which knows how many there are.
//!
//! A question's logical time is that of the views that it is answered from. It is asked as of a time
//! that is complete already ([`crate::closed`]), so that nobody waits for anything but messages.

mod lenses;
mod parts;
mod shelf;
mod users;
mod plan;
mod latest;
mod products;
mod gather;

pub(crate) use lenses::Lenses;
pub(crate) use parts::{Best, Popular, Row, Visited, Worth};
pub(crate) use shelf::Shelf;

use crate::Time;
use crate::block::owner;
use crate::catalogue::CatalogueSpine;
use crate::history::Moment;
use crate::kept::Kept;
use crate::labels::Label;
use crate::lookup::Lookup;
use crate::names::SharedVocabulary;
use crate::pairs::Partner;
use crate::popularity::OnDay;
use crate::positions::PositionSpine;
use crate::recent::{OwnedEvent, Recent};
use crate::recommend::{Basis, Ranking, Rules};
use crate::views::ViewSpine;
use crate::weights::Score;
use differential_dataflow::operators::arrange::TraceAgent;
use gather::{Finish, gather};
use parts::{Part, Sent};
use plan::Planner;
use products::{Products, products};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;
use timely::dataflow::operators::core::{Input, Probe};
use timely::dataflow::operators::probe;
use timely::dataflow::{Scope, Stream};
use users::{Users, users};

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

/// A part of a question under way, which one worker answers or plans.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    to: usize,
    origin: usize,
    id: u64,
    /// How many the question has.
    roots: usize,
    what: What,
}

impl Ask {
    /// What a worker asks in a question of some number: each goes to the worker, of `peers`, that
    /// knows.
    pub fn of(origin: usize, id: u64, whats: Vec<What>, peers: usize) -> Vec<Ask> {
        let ask = |to, what| Ask { to, origin, id, roots: 0, what };
        let mut asks = Vec::with_capacity(whats.len());
        for what in whats {
            match &what {
                What::Recent { .. } => asks.extend((0..peers).map(|to| ask(to, what.clone()))),
                What::Position { partition: key, .. }
                | What::Profile { user: key, .. }
                | What::Activity { user: key }
                | What::Rank { basis: Basis::User(key), .. } => {
                    asks.push(ask(owner(key, peers), what));
                }
                // Wherever it is asked.
                What::Rank { .. } => asks.push(ask(origin, what)),
            }
        }
        let roots = asks.len();
        asks.iter_mut().for_each(|ask| ask.roots = roots);
        asks
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
    Ranked(Ranking),
    /// Events of one worker, newest first.
    Recent(Vec<OwnedEvent>),
    /// The next offset of a partition.
    Position(usize, i64),
}

/// All that was found for a question: its number, and the time that it is true of.
pub type Answered = (u64, Time, Vec<Found>);

/// What questions are answered from: the views of a worker, and what is kept of them between
/// questions.
pub struct Views {
    pub(crate) profile: TraceAgent<ViewSpine<u32>>,
    pub(crate) bought: Option<TraceAgent<ViewSpine<u32>>>,
    pub(crate) activity: Option<TraceAgent<ViewSpine<Reverse<u32>>>>,
    pub(crate) history: Option<TraceAgent<ViewSpine<Moment>>>,
    pub(crate) partners: Option<KeptView<Partner>>,
    pub(crate) repeats: Option<TraceAgent<ViewSpine<u16>>>,
    pub(crate) popularity: Option<KeptView<OnDay>>,
    pub(crate) positions: TraceAgent<PositionSpine>,
    pub(crate) labels: TraceAgent<ViewSpine<Label>>,
    pub(crate) catalogue: TraceAgent<CatalogueSpine>,
    pub(crate) recent: Rc<RefCell<Recent>>,
    pub(crate) lenses: Rc<RefCell<Lenses>>,
}

/// A view with what is kept of it between questions.
pub(crate) type KeptView<V> = (TraceAgent<ViewSpine<V>>, Rc<RefCell<Kept<V>>>);

/// The input of questions: their time is as of when they are answered, and must be complete.
pub type Asks = crate::graph::Records<Ask>;

/// Answers questions: at the origin, what was found for each. `asking` tells which times nobody asks
/// about any more.
pub fn questions<'scope>(
    scope: Scope<'scope, Time>,
    views: Views,
    vocabulary: &SharedVocabulary,
    asking: &probe::Handle<Time>,
) -> (Asks, Stream<'scope, Time, Vec<Answered>>) {
    let (input, asks) = scope.new_input();
    let (catalogue, labels) = (views.catalogue.clone(), views.labels.clone());
    let planner = Planner {
        bought: views.bought.map(Lookup::new),
        history: views.history.map(Lookup::new),
        repeats: views.repeats.map(Lookup::new),
        shelf: Shelf::new(views.catalogue, views.labels),
        peers: scope.peers(),
        vocabulary: vocabulary.clone(),
        again: None,
    };
    let known = Users {
        profile: Lookup::new(views.profile),
        activity: views.activity.map(Lookup::new),
        positions: Lookup::new(views.positions),
        recent: views.recent,
        lenses: views.lenses,
        planner,
        vocabulary: vocabulary.clone(),
    };
    let (from_users, leads) = users(asks.probe_with(asking), known);
    let known = Products {
        partners: views.partners.map(|(view, kept)| (Lookup::new(view), kept)),
        popularity: views.popularity.map(|(view, kept)| (Lookup::new(view), kept)),
        vocabulary: vocabulary.clone(),
    };
    let from_products = products(leads, known);
    let finish = Finish { shelf: Shelf::new(catalogue, labels), vocabulary: vocabulary.clone() };
    (input, gather(from_users, from_products, finish))
}
