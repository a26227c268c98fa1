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

/// The names that are to be erased at a worker.
pub(super) struct Erasures {
    around: NamesInUse,
    /// By the time at which their rows left.
    pending: VecDeque<Erasure>,
    settling: Option<Settling>,
    /// The first time as of which the views can be read.
    read_from: Time,
}

/// The names that are to be erased of users whose rows left at one time.
struct Erasure {
    moved: Time,
    forgotten: Vec<String>,
    gone: Vec<u32>,
}

/// Erasures under way, all that could begin together.
struct Settling {
    erasures: Vec<Erasure>,
    /// Everything that names the users, if they have not been interned since, is in the views at this time.
    settled: Time,
}

impl Erasures {
    pub(super) fn new(around: NamesInUse) -> Erasures {
        Erasures { around, pending: VecDeque::new(), settling: None, read_from: 0 }
    }

    /// Begins to erase the names of users who were forgotten and of those who are gone; their rows leave at a time.
    pub(super) fn begin(&mut self, decided: Vec<Decision>, gone: BTreeSet<u32>, moved: Time) {
        let forgotten = decided.into_iter().filter(|decision| decision.account.is_none());
        let forgotten: Vec<String> = forgotten.map(|decision| decision.user).collect();
        if !forgotten.is_empty() || !gone.is_empty() {
            self.pending.push_back(Erasure { moved, forgotten, gone: gone.into_iter().collect() });
        }
    }

    /// The first time as of which the views will be read, where others read them as of `next`.
    pub(super) fn read_from(&mut self, next: Option<Time>) -> Option<Time> {
        let settled = self.settling.as_ref().map(|settling| settling.settled);
        let from = settled.into_iter().chain(next).min();
        self.read_from = from.unwrap_or(Time::MAX);
        from
    }

    /// Erases what may be erased by now. `now` is the first time that is not complete.
    pub(super) fn go_on(&mut self, now: Time, traces: &mut UserTraces) {
        // They may have come and gone again since their rows left.
        let needed_from = self.around.needed_from.get().min(self.around.asked_from.get());
        let settled = self.settling.take_if(|Settling { settled, .. }| {
            *settled < now.min(needed_from) && traces.are_sealed(*settled + 1)
        });
        if let Some(Settling { erasures, settled }) = settled {
            for erasure in erasures {
                erasure.finish(now, settled, &self.around, traces);
            }
        }
        if self.settling.is_none() {
            self.settle(now, traces);
        }
    }

    /// Looks up whose names are to be erased, of all whose rows have left.
    fn settle(&mut self, now: Time, traces: &mut UserTraces) {
        let until = now.min(self.around.needed_from.get());
        let mut has_left =
            |next: &mut Erasure| next.moved < until && traces.are_sealed(next.moved + 1);
        let left = std::iter::from_fn(|| self.pending.pop_front_if(&mut has_left));
        let mut erasures: Vec<Erasure> = left.collect();
        let Some(last) = erasures.last() else { return };
        let dictionaries = &mut *self.around.dictionaries.borrow_mut();
        let decisions = &mut *self.around.decisions.borrow_mut();
        // What changed before the views can be read may have been compacted to then.
        let settled = dictionaries.latest.max(last.moved).max(self.read_from);
        for Erasure { moved, forgotten, gone } in &mut erasures {
            forgotten.iter().for_each(|user| decisions.set_written(user, *moved, now));
            gone.extend(forgotten.iter().filter_map(|user| dictionaries.users.id(user)));
            dictionaries.watched.extend(gone.iter().map(|id| (*id, false)));
        }
        self.settling = Some(Settling { erasures, settled });
    }
}

impl Erasure {
    /// Erases the names of those of whom nothing is there as of a time, and who have not been interned since it was
    /// chosen. What came after a forget's time stays, or came from others, and so does the name.
    fn finish(self, now: Time, settled: Time, around: &NamesInUse, traces: &mut UserTraces) {
        let dictionaries = &mut *around.dictionaries.borrow_mut();
        let mut reader = traces.reader();
        for id in self.gone {
            let was_interned = dictionaries.watched.remove(&id) != Some(false);
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
    }
}
