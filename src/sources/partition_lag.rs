//! Measures the lag of a partition, in offsets and in time, and notices one that does not move.

use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::source_health::{PartitionExtent, SourceHealth, Trouble};
use prometheus::{Gauge, IntGauge};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time after which a lag that stands still counts as stalled.
const PATIENCE: Duration = Duration::from_secs(30);

/// The least time between two ends of a partition that are remembered while it is behind.
const PACE: Duration = Duration::from_secs(1);
/// The most ends that are remembered. Of more, every other one is forgotten: the age is then too great, by no
/// more than itself.
const MOST_ENDS: usize = 128;

/// The lag of one partition: measured, and logged and shown when it stands still.
pub(super) struct PartitionLag {
    partition: Partition,
    lag: IntGauge,
    lag_seconds: Gauge,
    stalled: IntGauge,
    health: SourceHealth,
    stall: Stall,
    unread: Unread,
}

impl PartitionLag {
    pub(super) fn new(
        partition: &Partition,
        metrics: &SourceMetrics,
        health: &SourceHealth,
    ) -> PartitionLag {
        let index = partition.index.to_string();
        let labels = [&*partition.topic, &*index];
        PartitionLag {
            partition: partition.clone(),
            lag: metrics.lag.with_label_values(&labels),
            lag_seconds: metrics.lag_seconds.with_label_values(&labels),
            stalled: metrics.stalled.with_label_values(&labels),
            health: health.clone(),
            stall: Stall::default(),
            unread: Unread::default(),
        }
    }

    /// Takes the offset up to which the partition was read, and its first one and its end.
    pub(super) fn measure(&mut self, read_to: i64, (first, end): (i64, i64), now: Instant) {
        self.health.measure(&self.partition, PartitionExtent { first, position: read_to, end });
        self.lag.set((end - read_to).max(0));
        self.lag_seconds.set(self.unread.age(read_to, end, now).as_secs_f64());
        let stalled = self.stall.look(read_to, end, now);
        if (self.stalled.get() == 1) == stalled {
            return;
        }
        self.stalled.set(stalled.into());
        let Partition { topic, index } = &self.partition;
        if stalled {
            tracing::warn!(%topic, partition = index, offset = read_to, end, "a partition stands still");
            let details = format!("nothing was read for {PATIENCE:?}, and the end is {end}");
            self.health.begin(&self.partition, Trouble::Stalled, read_to, details);
        } else {
            tracing::info!(%topic, partition = index, offset = read_to, end, "the partition is read on");
            self.health.end(&self.partition, Trouble::Stalled);
        }
    }
}

/// The offset that a partition with lag has stood at, and since when.
#[derive(Debug, Default)]
struct Stall(Option<(i64, Instant)>);

impl Stall {
    /// Takes a look at how far a partition was read, and at its end; true once it has stood still for
    /// [`PATIENCE`] with something left to read.
    fn look(&mut self, read_to: i64, end: i64, now: Instant) -> bool {
        if end <= read_to {
            self.0 = None;
            return false;
        }
        match self.0 {
            Some((at, since)) if at == read_to => now.duration_since(since) >= PATIENCE,
            _ => {
                self.0 = Some((read_to, now));
                false
            }
        }
    }
}

/// The time up to which a partition was read: the latest at which it held no more than what has been
/// read by now. Neither the records' own times nor the brokers' clocks have a part in it.
#[derive(Debug, Default)]
struct Unread {
    /// When the partition last held no more than was read; before that is known, the first look at it.
    read_up_to: Option<Instant>,
    /// Later times, each with the partition's end then, in order.
    ends: VecDeque<(Instant, i64)>,
}

impl Unread {
    /// Takes a look at how far a partition was read, and at its end. Returns how long ago it held no more
    /// than that; of one that has been behind since the first look, for how long that is so.
    fn age(&mut self, read_to: i64, end: i64, now: Instant) -> Duration {
        if end <= read_to {
            self.ends.clear();
            self.read_up_to = Some(now);
            return Duration::ZERO;
        }
        while let Some((at, _)) = self.ends.pop_front_if(|(_, end)| *end <= read_to) {
            self.read_up_to = Some(at);
        }
        if self.ends.back().is_none_or(|(last, _)| now.duration_since(*last) >= PACE) {
            self.ends.push_back((now, end));
        }
        if self.ends.len() > MOST_ENDS {
            let mut index = 0;
            self.ends.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        now.duration_since(*self.read_up_to.get_or_insert(now))
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_ENDS, PartitionLag, Unread};
    use crate::event_log::Partition;
    use crate::metrics::Metrics;
    use crate::source_health::{PartitionExtent, SourceHealth};
    use std::time::{Duration, Instant};

    #[test]
    fn a_lag_that_does_not_move_for_half_a_minute_is_stalled() {
        let (metrics, health) = (Metrics::new().sources, SourceHealth::default());
        let partition = Partition { topic: "view-events".into(), index: 3 };
        let mut lag = PartitionLag::new(&partition, &metrics, &health);
        let begin = Instant::now();
        for (second, read_to, end, expected) in [
            (0, 5, 5, false),
            (40, 5, 9, false),
            (69, 5, 9, false),
            (70, 5, 9, true),
            (71, 6, 9, false),
            (100, 6, 20, false),
            (101, 6, 20, true),
            (102, 20, 20, false),
            (103, 20, 21, false),
        ] {
            lag.measure(read_to, (0, end), begin + Duration::from_secs(second));
            let labels = ["view-events", "3"];
            assert_eq!(metrics.lag.with_label_values(&labels).get(), end - read_to);
            let stalled = metrics.stalled.with_label_values(&labels).get();
            assert_eq!(stalled == 1, expected, "second {second}");
            assert_eq!(health.troubles().len() == 1, expected, "second {second}");
            let extent = PartitionExtent { first: 0, position: read_to, end };
            assert_eq!(health.extents(), [(partition.clone(), extent)]);
        }
    }

    #[test]
    fn a_lag_in_seconds_is_the_age_of_what_was_read() {
        let (mut unread, begin) = (Unread::default(), Instant::now());
        for (second, read_to, end, age) in [
            // A history that takes three seconds, while more comes.
            (0, 0, 90, 0),
            (1, 30, 100, 1),
            (2, 60, 110, 2),
            (3, 90, 120, 3),
            // What stood there a second ago, and so on.
            (4, 120, 130, 1),
            (5, 130, 140, 1),
            (6, 140, 140, 0),
            // Nothing is read any more.
            (7, 140, 150, 1),
            (100, 140, 150, 94),
            (101, 150, 150, 0),
        ] {
            let now = begin + Duration::from_secs(second);
            assert_eq!(unread.age(read_to, end, now).as_secs(), age, "second {second}");
        }
    }

    #[test]
    fn a_lag_in_seconds_is_within_twice_its_size_after_hours_behind() {
        let (mut unread, begin) = (Unread::default(), Instant::now());
        let at = |second| begin + Duration::from_secs(second);
        unread.age(0, 0, begin);
        for second in 1..=10_000 {
            let end = i64::try_from(second).unwrap();
            let read_to = end * 4 / 5;
            let age = unread.age(read_to, end, at(second)).as_secs();
            assert!(unread.ends.len() <= MOST_ENDS);
            let exact = second - u64::try_from(read_to).unwrap();
            assert!(age >= exact && age <= 2 * exact + 1, "{age}, not {exact}");
        }
    }
}
