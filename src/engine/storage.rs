//! A worker's end of what outlives the engine: what it begins with, and what it gives to be stored.

use crate::engine::messages::Announcement;
use crossbeam_channel::{Receiver, Sender};
use dataflows::cut::capture::{Captures, CutState};
use dataflows::ids::secret::Secret;
use dataflows::score::learner::Learner;
use dataflows::score::model::Model;
use dataflows::stored::StoredRows;
use dataflows::time::{RESTORED, Time};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The longest time that a worker writes rows between two of its steps.
const SLICE: Duration = Duration::from_millis(2);
/// The changes from which on a worker does not wait for a cut to write them.
const MANY: usize = 1 << 20;
/// The parts that may wait to be stored before a worker waits for a cut nevertheless.
const WAITING: usize = 64;

/// How the state of the workers of a process outlives it.
pub struct Storage {
    /// The key of hashes that are stored.
    pub secret: Secret,
    /// What each of the workers begins with, in their order, until the senders are dropped. What a cluster begins with
    /// comes to the workers of its first process.
    pub restored: Vec<Receiver<Restored>>,
    /// Gets what the workers give to be stored; `None` to store nothing.
    pub stored: Option<Sender<(usize, Stored)>>,
}

/// A part of what a worker begins with.
#[derive(Debug)]
pub enum Restored {
    /// Rows, of any owners.
    Rows(StoredRows),
    /// The model; at the first worker.
    Model(Model),
    /// What was learned of the weights of rankings; at the first worker.
    Learner(Box<Learner>),
    /// What all workers are told before anything else; at the first worker.
    Announcement(Announcement),
}

/// A part of what a worker gives to be stored.
#[derive(Debug)]
pub enum Stored {
    /// What the worker began with has these digests.
    Began(CutState),
    /// Changes that are part of the next cut.
    Rows(StoredRows),
    /// All changes up to a cut have been given.
    Cut {
        /// What asked for it.
        asked: String,
        /// The time that it is as of.
        time: Time,
        /// What is not in rows.
        state: CutState,
    },
}

impl Storage {
    /// Nothing outlives the engine.
    pub fn none(secret: Secret, workers: usize) -> Storage {
        let nothing = || crossbeam_channel::bounded(0).1;
        let restored = std::iter::repeat_with(nothing).take(workers).collect();
        Storage { secret, restored, stored: None }
    }
}

/// What a worker gives to be stored.
pub(super) struct Storing {
    worker: usize,
    captures: Captures,
    stored: Option<Sender<(usize, Stored)>>,
    announced: Announced,
}

/// The cuts that were asked for, each with the time before which its changes are.
pub(super) type Announced = Rc<RefCell<VecDeque<(Time, String)>>>;

impl Storing {
    pub(super) fn new(
        worker: usize,
        captures: Captures,
        stored: Option<Sender<(usize, Stored)>>,
        announced: Announced,
    ) -> Storing {
        Storing { worker, captures, stored, announced }
    }

    /// Gives the digests of what the worker began with, which is complete.
    pub(super) fn begin(&self) {
        if let Some(stored) = &self.stored {
            // They are remembered as of the time after it.
            let state = self.captures.state(RESTORED + 2);
            self.give(stored, Stored::Began(state));
        }
    }

    /// Gives some of what is complete, if it is due.
    pub(super) fn go_on(&self, closed: Time) {
        let Some(stored) = &self.stored else { return };
        let mut announced = self.announced.borrow_mut();
        if let Some((until, asked)) = announced.pop_front_if(|(until, _)| *until <= closed) {
            if !self.write(until, stored) {
                announced.push_front((until, asked));
                return;
            }
            let (time, state) = (until - 1, self.captures.state(until));
            self.give(stored, Stored::Cut { asked, time, state });
        } else if announced.is_empty()
            && self.captures.size().records >= MANY
            && stored.len() < WAITING
        {
            self.write(closed, stored);
        }
    }

    /// Writes for a slice of time. Returns true once everything of times before one is written.
    fn write(&self, until: Time, stored: &Sender<(usize, Stored)>) -> bool {
        let began = Instant::now();
        while began.elapsed() < SLICE {
            let give = |rows| self.give(stored, Stored::Rows(rows));
            if self.captures.write(until, give) {
                return true;
            }
        }
        false
    }

    fn give(&self, stored: &Sender<(usize, Stored)>, part: Stored) {
        // Whoever stores ends only with the process.
        let _ = stored.send((self.worker, part));
    }

    /// The time from which on users' names are needed.
    pub(super) fn names_needed_from(&self) -> Time {
        self.captures.written_before()
    }

    /// Whether there is something to write now.
    pub(super) fn is_behind(&self, closed: Time) -> bool {
        self.announced.borrow().front().is_some_and(|(until, _)| *until <= closed)
    }
}
