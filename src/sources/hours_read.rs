//! How far a partition has been read, by when its records were written.

use crate::event_log::Partition;
use dataflows::record::reached::Reached;
use dataflows::time::{DAY_HOURS, hour};
use parser::Written;

/// How far a partition has been read. It is told when the hour changes or the partition falls behind, which
/// is seldom.
#[derive(Debug)]
pub(super) struct HoursRead {
    partition: String,
    /// The hour in which the last record was written.
    hour: u32,
    /// Whether records are left to read, as far as it was told.
    is_behind: bool,
}

impl HoursRead {
    /// Nothing has been read of a partition, which may hold something.
    pub(super) fn new(partition: &Partition, is_behind: bool) -> HoursRead {
        HoursRead { partition: partition.name(), hour: 0, is_behind }
    }

    /// What is to be told first.
    pub(super) fn begin(&self) -> Reached {
        Reached { partition: self.partition.clone(), hour: self.hour, is_behind: self.is_behind }
    }

    /// Takes when the next record was written, and the time in milliseconds since the Unix epoch. Returns
    /// what is to be told, if anything is.
    pub(super) fn read(&mut self, written: Written, now: i64) -> Option<Reached> {
        let Written::At(written) = written else { return None };
        let [written, now] =
            [written, now].map(|time| hour(u64::try_from(time).unwrap_or_default()));
        // A producer whose clock is ahead holds up nobody, itself neither.
        let written = written.min(now);
        if written <= self.hour {
            return None;
        }
        self.hour = written;
        // One that follows what is written now has nothing old left.
        self.is_behind |= written + 1 < now;
        Some(self.begin())
    }

    /// Whether the next record is to wait: no partition is read more than a day ahead of the oldest hour that
    /// any still has to read. So what leaves the views by age leaves before nothing that is read later.
    pub(super) fn is_ahead(&self, oldest: u32) -> bool {
        self.hour > oldest.saturating_add(DAY_HOURS)
    }

    /// Notes that nothing is left to read. Returns what is to be told, if anything is.
    pub(super) fn reached_end(&mut self) -> Option<Reached> {
        std::mem::take(&mut self.is_behind).then(|| self.begin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_when_the_hour_changes_or_the_end_is_reached() {
        const HOUR: i64 = 3_600_000;
        let partition = Partition { topic: "view-events".into(), index: 3 };
        let mut read = HoursRead::new(&partition, true);
        let reached = |hour, is_behind| {
            let partition = "view-events/3".into();
            Some(Reached { partition, hour, is_behind })
        };
        assert_eq!(Some(read.begin()), reached(0, true));
        let now = 100 * HOUR;
        assert_eq!(read.read(Written::At(40 * HOUR), now), reached(40, true));
        assert!(read.is_ahead(15) && !read.is_ahead(16));
        assert_eq!(read.read(Written::At(41 * HOUR - 1), now), None);
        assert_eq!(read.read(Written::At(39 * HOUR), now), None, "clocks differ");
        assert_eq!(read.read(Written::Unknown(now), now), None);
        assert_eq!(read.reached_end(), reached(40, false));
        assert_eq!(read.reached_end(), None);
        assert_eq!(read.read(Written::At(now), now), reached(100, false), "it follows");
        assert_eq!(read.read(Written::At(9_000 * HOUR), now), None, "it counts as written now");
        assert_eq!(read.read(Written::At(101 * HOUR), 150 * HOUR), reached(101, true));
    }
}
