//! Erases the names of users who were forgotten, once nothing needs them any more.

use super::holder::UserTraces;
use crate::ids::dictionary::SharedDictionaries;
use crate::ingest::decisions::Decisions;
use crate::record::decision::Decision;
use crate::time::Time;
use crate::views::recent::Recent;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What erasing a name changes, and what it waits for.
pub(crate) struct Surroundings {
    pub(crate) dictionaries: SharedDictionaries,
    pub(crate) decisions: Rc<RefCell<Decisions>>,
    pub(crate) recent: Rc<RefCell<Recent>>,
    /// The time from which on sinks need the names of users whose rows changed.
    pub(crate) needed_from: Rc<Cell<Time>>,
    /// The earliest time that may still be asked about.
    pub(crate) asked_from: Rc<Cell<Time>>,
}

/// The names that are to be erased at a worker.
pub(super) struct Erasures {
    around: Surroundings,
    pending: Vec<Erasure>,
}

struct Erasure {
    user: String,
    /// The time at which the user's rows left.
    moved: Time,
    is_written: bool,
    /// Everything that names the user, if that has not been interned since, is in the views at this time.
    settled: Option<Time>,
}

impl Erasures {
    pub(super) fn new(around: Surroundings) -> Erasures {
        Erasures { around, pending: Vec::new() }
    }

    /// Begins to erase the names of users who were forgotten; their rows leave at a time.
    pub(super) fn begin(&mut self, decided: &[Decision], moved: Time) {
        let forgotten = decided.iter().filter(|decision| decision.account.is_none());
        self.pending.extend(forgotten.map(|decision| {
            let (user, is_written) = (decision.user.clone(), false);
            Erasure { user, moved, is_written, settled: None }
        }));
    }

    /// Erases what may be erased by now. `now` is the first time that is not complete.
    pub(super) fn go_on(&mut self, now: Time, traces: &mut UserTraces) {
        let Erasures { around, pending } = self;
        pending.retain_mut(|erasure| !erasure.is_done(now, around, traces));
    }
}

impl Erasure {
    /// Takes the next step; true when none is left, or when the user is there again and so is the name.
    fn is_done(&mut self, now: Time, around: &Surroundings, traces: &mut UserTraces) -> bool {
        let is_needed = around.needed_from.get() <= self.moved;
        if now <= self.moved || is_needed || !traces.are_sealed(self.moved + 1) {
            return false;
        }
        if !std::mem::replace(&mut self.is_written, true) {
            around.decisions.borrow_mut().set_written(&self.user, self.moved, now);
        }
        let mut dictionaries = around.dictionaries.borrow_mut();
        if let Some(id) = dictionaries.users.id(&self.user) {
            let Some(settled) = self.settled else {
                dictionaries.watched.insert(id, false);
                self.settled = Some(dictionaries.latest.max(self.moved));
                return false;
            };
            if now <= settled
                || around.asked_from.get() <= self.moved
                || !traces.are_sealed(settled + 1)
            {
                return false;
            }
            let was_interned = dictionaries.watched.remove(&id) == Some(true);
            if was_interned || traces.reader().has_rows(id) {
                // What came after the time of the forget stays, and so does the name.
                return true;
            }
            dictionaries.users.erase(id);
        }
        around.recent.borrow_mut().erase(&self.user);
        around.decisions.borrow_mut().set_erased(&self.user, self.moved, now);
        true
    }
}
