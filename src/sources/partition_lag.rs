//! Notices a partition whose lag does not move.

use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::source_health::{SourceHealth, Trouble};
use prometheus::IntGauge;
use std::time::{Duration, Instant};

/// The time after which a lag that stands still counts as stalled.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lag of one partition: measured, and logged and shown when it stands still.
pub(super) struct PartitionLag {
    partition: Partition,
    lag: IntGauge,
    stalled: IntGauge,
    health: SourceHealth,
    stall: Stall,
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
            stalled: metrics.stalled.with_label_values(&labels),
            health: health.clone(),
            stall: Stall::default(),
        }
    }

    /// Takes the offset up to which the partition was read, and its end.
    pub(super) fn measure(&mut self, read_to: i64, end: i64, now: Instant) {
        self.lag.set((end - read_to).max(0));
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

#[cfg(test)]
mod tests {
    use super::PartitionLag;
    use crate::event_log::Partition;
    use crate::metrics::Metrics;
    use crate::source_health::SourceHealth;
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
            lag.measure(read_to, end, begin + Duration::from_secs(second));
            let labels = ["view-events", "3"];
            assert_eq!(metrics.lag.with_label_values(&labels).get(), end - read_to);
            let stalled = metrics.stalled.with_label_values(&labels).get();
            assert_eq!(stalled == 1, expected, "second {second}");
            assert_eq!(health.troubles().len() == 1, expected, "second {second}");
        }
    }
}
