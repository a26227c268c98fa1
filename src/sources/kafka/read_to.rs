//! How far a partition was read: its reader tells, and the assigner computes the lag and what to commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How far a partition was read. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct ReadTo(Arc<State>);

#[derive(Debug)]
struct State {
    /// The offset behind the last record that was handed over.
    next: AtomicI64,
    /// The offset before which there is nothing unread: beyond `next` where the markers of transactions
    /// come last.
    end: AtomicI64,
}

impl ReadTo {
    pub(super) fn new(next: i64) -> ReadTo {
        ReadTo(Arc::new(State { next: AtomicI64::new(next), end: AtomicI64::new(next) }))
    }

    /// Notes that all records before an offset were handed over.
    pub(super) fn handed_over(&self, next: i64) {
        self.0.next.store(next, Ordering::Release);
        self.0.end.fetch_max(next, Ordering::AcqRel);
    }

    /// Notes that no record is between the last one and an offset.
    pub(super) fn reached_end(&self, offset: i64) {
        self.0.end.fetch_max(offset, Ordering::AcqRel);
    }

    /// Notes that the next record is at an earlier offset.
    pub(super) fn went_back(&self, offset: i64) {
        self.0.end.store(offset, Ordering::Release);
    }

    /// The offset before which there is nothing unread.
    pub(super) fn get(&self) -> i64 {
        self.0.end.load(Ordering::Acquire)
    }

    /// How far it was read until now.
    pub(super) fn snapshot(&self) -> Snapshot {
        // In this order: a `next` that is later than `end` only makes [`Snapshot::held`] wait.
        let end = self.get();
        Snapshot { next: self.0.next.load(Ordering::Acquire), end }
    }
}

/// How far a partition had been read at some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    next: i64,
    end: i64,
}

impl Snapshot {
    /// The offset before which a state holds everything, if it holds all records before a position.
    pub(super) fn held(self, position: i64) -> i64 {
        if position < self.next { position } else { position.max(self.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::ReadTo;

    #[test]
    fn a_state_holds_the_markers_behind_its_last_record() {
        let read_to = ReadTo::new(3);
        read_to.handed_over(10);
        assert_eq!([7, 10].map(|position| read_to.snapshot().held(position)), [7, 10]);
        read_to.reached_end(12);
        let before = read_to.snapshot();
        read_to.handed_over(20);
        // The state may be ahead of the snapshot.
        assert_eq!([9, 10, 11, 15].map(|position| before.held(position)), [9, 12, 12, 15]);
        assert_eq!([10, 19, 20].map(|position| read_to.snapshot().held(position)), [10, 19, 20]);
    }
}
