//! The history: what the partitions held when reading began, and how much of it has been read.

use std::sync::atomic::{AtomicU64, Ordering};

/// The history of all partitions together.
#[derive(Debug, Default)]
pub(super) struct HistoryCount {
    records: AtomicU64,
    read: AtomicU64,
    length: AtomicU64,
}

/// How much of the history has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryRead {
    /// The records that were read.
    pub records: u64,
    /// What was read: offsets of Kafka's, or bytes of files.
    pub read: u64,
    /// How much there is.
    pub length: u64,
}

/// What is left of one partition's history: from an offset to another.
#[derive(Clone, Debug)]
pub(super) struct HistorySpan {
    next: i64,
    end: i64,
}

impl HistorySpan {
    pub(super) fn new(start: i64, end: i64) -> HistorySpan {
        HistorySpan { next: start, end: end.max(start) }
    }

    /// Where it ends, unless it is empty.
    pub(super) fn end(&self) -> Option<i64> {
        (self.next < self.end).then_some(self.end)
    }

    fn length(&self) -> u64 {
        self.end.abs_diff(self.next)
    }

    /// Goes on to an offset, and tells how far that is.
    fn advance(&mut self, to: i64) -> u64 {
        let to = to.clamp(self.next, self.end);
        to.abs_diff(std::mem::replace(&mut self.next, to))
    }
}

impl HistoryCount {
    /// Adds a partition's history.
    pub(super) fn add(&self, span: &HistorySpan) {
        self.length.fetch_add(span.length(), Ordering::Relaxed);
    }

    /// Counts what of a partition's history was read since the last time, up to an offset.
    pub(super) fn read(&self, span: &mut HistorySpan, to: i64, records: u64) {
        if span.length() > 0 {
            self.read.fetch_add(span.advance(to), Ordering::Relaxed);
            self.records.fetch_add(records, Ordering::Relaxed);
        }
    }

    /// Counts the rest of a partition's history as read. What Kafka has at the end may be no records.
    pub(super) fn finish(&self, span: &mut HistorySpan) {
        self.read(span, i64::MAX, 0);
    }

    pub(super) fn so_far(&self) -> HistoryRead {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        HistoryRead {
            records: load(&self.records),
            read: load(&self.read),
            length: load(&self.length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HistoryCount, HistoryRead, HistorySpan};

    #[test]
    fn what_was_read_is_counted_once_and_up_to_the_end() {
        let history = HistoryCount::default();
        // The first one's first offsets were deleted; the other's last ones are no records.
        let (mut one, mut other) = (HistorySpan::new(100, 200), HistorySpan::new(0, 50));
        history.add(&one);
        history.add(&other);
        let so_far = |records, read| HistoryRead { records, read, length: 150 };
        assert_eq!(history.so_far(), so_far(0, 0));
        history.read(&mut one, 150, 40);
        history.read(&mut one, 150, 0);
        history.read(&mut other, 48, 48);
        assert_eq!(history.so_far(), so_far(88, 98));
        history.finish(&mut other);
        // Beyond its end it is history no more.
        history.read(&mut one, 300, 60);
        history.read(&mut one, 400, 100);
        assert_eq!(history.so_far(), so_far(148, 150));
    }
}
