//! The errors of one partition: counted, logged when they begin and when they end, and shown.

use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::source_health::{SourceHealth, Trouble};
use prometheus::IntCounter;
use std::fmt::Display;

/// The errors of one kind that a partition meets.
pub(super) struct PartitionErrors {
    partition: Partition,
    trouble: Trouble,
    counter: IntCounter,
    health: SourceHealth,
    /// The error that it meets now, and the offset at which that began.
    current: Option<(i64, String)>,
}

impl PartitionErrors {
    pub(super) fn new(
        partition: &Partition,
        trouble: Trouble,
        metrics: &SourceMetrics,
        health: &SourceHealth,
    ) -> PartitionErrors {
        PartitionErrors {
            partition: partition.clone(),
            trouble,
            counter: metrics.errors.with_label_values(&[&*partition.topic]),
            health: health.clone(),
            current: None,
        }
    }

    /// Notes an error. The same one is logged once, until it ends.
    pub(super) fn failed(&mut self, offset: i64, error: impl Display) {
        self.counter.inc();
        let error = error.to_string();
        if self.current.as_ref().is_some_and(|(_, current)| *current == error) {
            return;
        }
        let (Partition { topic, index }, trouble) = (&self.partition, self.trouble.name());
        tracing::warn!(error, %topic, partition = index, offset, trouble, "a partition fails");
        self.health.begin(&self.partition, self.trouble, offset, error.clone());
        self.current = Some((offset, error));
    }

    /// Notes that all before an offset was read. It ends an error at an earlier offset; one at the end of
    /// the partition lasts until something behind it is read.
    pub(super) fn read_to(&mut self, offset: i64) {
        if self.current.as_ref().is_some_and(|(at, _)| *at < offset) {
            self.succeeded(offset);
        }
    }

    /// Notes a success, at an offset.
    pub(super) fn succeeded(&mut self, offset: i64) {
        if let Some((_, error)) = self.current.take() {
            let (Partition { topic, index }, trouble) = (&self.partition, self.trouble.name());
            tracing::info!(
                error,
                %topic,
                partition = index,
                offset,
                trouble,
                "the partition no longer fails"
            );
            self.health.end(&self.partition, self.trouble);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PartitionErrors;
    use crate::event_log::Partition;
    use crate::metrics::Metrics;
    use crate::source_health::{PartitionTrouble, SourceHealth, Trouble};
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    /// A log in memory.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_error_is_counted_each_time_and_logged_with_its_place_when_it_begins_and_ends() {
        let (log, metrics, health) =
            (Log::default(), Metrics::new().sources, SourceHealth::default());
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        let partition = Partition { topic: "view-events".into(), index: 3 };
        let mut errors = PartitionErrors::new(&partition, Trouble::Read, &metrics, &health);
        tracing::subscriber::with_default(subscriber, || {
            errors.succeeded(6);
            for _ in 0..3 {
                errors.failed(7, "bad compression");
            }
            let (trouble, details) = (Trouble::Read, "bad compression".into());
            let shown = PartitionTrouble { partition, trouble, offset: 7, details };
            assert_eq!(health.troubles(), [shown]);
            errors.read_to(7);
            assert_eq!(health.troubles().len(), 1, "nothing behind it was read");
            errors.read_to(8);
            errors.succeeded(9);
        });
        assert_eq!(health.troubles(), []);
        assert_eq!(metrics.errors.with_label_values(&["view-events"]).get(), 3);
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        for (line, level, offset) in [(lines[0], "WARN", "7"), (lines[1], "INFO", "8")] {
            let place = format!("topic=view-events partition=3 offset={offset}");
            for part in [level, "bad compression", &place] {
                assert!(line.contains(part), "{part} is missing in {line}");
            }
        }
    }
}
