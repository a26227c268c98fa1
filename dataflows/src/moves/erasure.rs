//! Erases the names of users who were forgotten, and of guests who are gone, once nothing needs them any more.

use super::holder::UserTraces;
use crate::ids::dictionary::SharedDictionaries;
use crate::ingest::decisions::{Decisions, Holder};
use crate::record::decision::Decision;
use crate::time::Time;
use crate::views::recent::Recent;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// Who has names of users, and until when: what erasing a name changes, and what it waits for.
pub(crate) struct NamesInUse {
    pub(crate) dictionaries: SharedDictionaries,
    pub(crate) decisions: Rc<RefCell<Decisions>>,
    pub(crate) recent: Rc<RefCell<Recent>>,
    /// The time from which on sinks need the names of users whose rows changed.
    pub(crate) needed_from: Rc<Cell<Time>>,
    /// The earliest time that may still be asked about.
    pub(crate) asked_from: Rc<Cell<Time>>,
}

/// The names that are to be erased at a worker, by the time at which their rows left.
pub(super) struct Erasures {
    around: NamesInUse,
    pending: VecDeque<Erasure>,
}

/// The names that are to be erased of users whose rows left at one time.
struct Erasure {
    moved: Time,
    forgotten: Vec<String>,
    gone: Vec<u32>,
    is_written: bool,
    /// Everything that names the users, if they have not been interned since, is in the views at this time.
    settled: Option<Time>,
}

impl Erasures {
    pub(super) fn new(around: NamesInUse) -> Erasures {
        Erasures { around, pending: VecDeque::new() }
    }

    /// Begins to erase the names of users who were forgotten and of guests who are gone; their rows leave at a time.
    pub(super) fn begin(&mut self, decided: Vec<Decision>, gone: BTreeSet<u32>, moved: Time) {
        let forgotten = decided.into_iter().filter(|decision| decision.account.is_none());
        let forgotten: Vec<String> = forgotten.map(|decision| decision.user).collect();
        if !forgotten.is_empty() || !gone.is_empty() {
            let gone = gone.into_iter().collect();
            let (is_written, settled) = (false, None);
            self.pending.push_back(Erasure { moved, forgotten, gone, is_written, settled });
        }
    }

    /// The time as of which the views will be read, if that is known.
    pub(super) fn as_of(&self) -> Option<Time> {
        self.pending.front()?.settled
    }

    /// Erases what may be erased by now. `now` is the first time that is not complete.
    pub(super) fn go_on(&mut self, now: Time, traces: &mut UserTraces) {
        while let Some(first) = self.pending.front_mut()
            && first.is_done(now, &self.around, traces)
        {
            self.pending.pop_front();
        }
    }
}

impl Erasure {
    /// Takes the next step; true when none is left. Who is there again keeps the name.
    fn is_done(&mut self, now: Time, around: &NamesInUse, traces: &mut UserTraces) -> bool {
        let is_needed = around.needed_from.get() <= self.moved;
        if now <= self.moved || is_needed || !traces.are_sealed(self.moved + 1) {
            return false;
        }
        if !std::mem::replace(&mut self.is_written, true) {
            for user in &self.forgotten {
                around.decisions.borrow_mut().set_written(user, self.moved, now);
            }
        }
        let dictionaries = &mut *around.dictionaries.borrow_mut();
        let Some(settled) = self.settled else {
            let forgotten = self.forgotten.iter().filter_map(|user| dictionaries.users.id(user));
            self.gone.extend(forgotten);
            dictionaries.watched.extend(self.gone.iter().map(|id| (*id, false)));
            self.settled = Some(dictionaries.latest.max(self.moved));
            return false;
        };
        // They may have come and gone again since their rows left.
        let needed_from = around.needed_from.get().min(around.asked_from.get());
        if now <= settled || needed_from <= settled || !traces.are_sealed(settled + 1) {
            return false;
        }
        let mut reader = traces.reader();
        for &id in &self.gone {
            let was_interned = dictionaries.watched.remove(&id) != Some(false);
            // What came after a forget's time stays, or came from others, and so does the name.
            if !was_interned && !reader.has_rows(id, settled) {
                dictionaries.users.erase(id);
            }
        }
        for user in self.forgotten.iter().filter(|user| dictionaries.users.id(user).is_none()) {
            let mut decisions = around.decisions.borrow_mut();
            around.recent.borrow_mut().retain(|event| {
                let holder = || decisions.holder(user, event.time.max(0), None, self.moved);
                event.user != user || holder() != Holder::Nobody
            });
            decisions.set_erased(user, self.moved, now);
        }
        true
    }
}
