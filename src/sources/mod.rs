//! Reads events from Kafka topics, or from topic files.
//!
//! A source hands [`Unit`](crate::engine::intake::Unit)s to the workers' inlets. Each source comes
//! with an [`EventLog`](crate::event_log::EventLog), which writes posted events to the same
//! topics.

mod pause;
mod record_batch;
mod batch_sender;
mod history;
mod hours_read;
mod running;
mod recent_failure;
mod partition_errors;
mod partition_lag;
mod written_letters;
pub mod kafka;
pub mod files;

pub use history::HistoryRead;
pub use pause::SourcePause;
pub use running::{Running, SourceProgress};

use crate::engine::OldestHour;
use crate::engine::intake::Inlet;
use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::refused_records::{RefusedRecord, RefusedRecords};
use crate::source_health::SourceHealth;
use crate::wall_clock::now_ms;
use dataflows::ids::hash::owner;
use dataflows::record::event::Kind;
use parser::{Reason, RecordKind, explain};
use std::collections::HashMap;

/// The kind of records in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Events of one kind; with carts, removals from the cart.
    Events(Kind),
    /// Rows of the product catalogue.
    Catalogue,
    /// Merges of users into others.
    Merges,
    /// Forgets of users.
    Forgets,
}

/// The topics that are read, with the kind of records in each.
pub const TOPICS: [(&str, Feed); 6] = [
    ("product-catalog", Feed::Catalogue),
    ("user-merges", Feed::Merges),
    ("user-forgets", Feed::Forgets),
    ("view-events", Feed::Events(Kind::View)),
    ("add-to-cart-events", Feed::Events(Kind::AddToCart)),
    ("purchase-events", Feed::Events(Kind::Purchase)),
];

/// The topic that dead letters are written to.
pub const DEAD_LETTERS: &str = "dead-letter-events";

/// The next offset to read of each partition; one that is not named is read from its beginning.
pub type Positions = HashMap<Partition, i64>;

/// The inlets of this process's workers, and where these are among all workers: worker `first + i`
/// has `inlets[i]`.
#[derive(Clone)]
pub struct WorkerInlets {
    /// The number of workers in all processes.
    pub peers: usize,
    /// The index of this process's first worker among all.
    pub first: usize,
    /// The queues of this process's workers, in their order.
    pub inlets: Vec<Inlet>,
    /// What no partition is read far ahead of.
    pub oldest: OldestHour,
    /// Whether nothing is to be handed over.
    pub pause: SourcePause,
    /// The hours for which the history is kept. A merge or a forget of a time that is further back from its
    /// record than that is a dead letter.
    pub horizon_hours: u32,
}

impl WorkerInlets {
    /// Returns the index in `inlets` of the worker that reads a partition, or `None` when a worker
    /// of another process does.
    pub fn reader_of(&self, partition: &Partition) -> Option<usize> {
        let index = owner(&partition.name(), self.peers).checked_sub(self.first)?;
        (index < self.inlets.len()).then_some(index)
    }
}

/// A record that the parser refused, with the place it was read from and the reason.
struct DeadLetter<'a> {
    partition: &'a Partition,
    feed: Feed,
    offset: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    /// The number of the value's bytes, of which `value` may have the first alone.
    length: usize,
    reason: Reason,
}

impl DeadLetter<'_> {
    /// Counts it, and has it shown to those who ask. Returns what is wrong with it, for a person.
    fn note(&self, metrics: &SourceMetrics, health: &SourceHealth) -> String {
        let reason = self.reason.name();
        metrics.dead_letters.with_label_values(&[&*self.partition.topic, reason]).inc();
        let details = self.details();
        let value = RefusedRecords::beginning(self.value.unwrap_or_default());
        let (partition, offset) = (self.partition.clone(), self.offset);
        let record =
            RefusedRecord { partition, offset, time: now_ms(), details: details.clone(), value };
        health.refused().add(reason, record);
        details
    }

    /// Tells a person what was found in place of what was expected, and where in the record.
    fn details(&self) -> String {
        if self.reason == Reason::TooLarge {
            return format!("{}: it has {} bytes", self.reason, self.length);
        }
        let kind = match self.feed {
            Feed::Events(_) => RecordKind::Event,
            Feed::Merges => RecordKind::Merge,
            Feed::Forgets => RecordKind::Forget,
            Feed::Catalogue => RecordKind::Row,
        };
        let key = self.key.filter(|_| kind == RecordKind::Row);
        let explanation = explain(kind, key, self.value.unwrap_or_default(), self.reason);
        format!("{explanation}, at byte {}", explanation.offset + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Feed, OldestHour, Partition, SourcePause, TOPICS, WorkerInlets};
    use crate::engine::intake::intake;
    use crate::event_log::Subject;

    #[test]
    fn every_partition_has_one_reader_among_all_processes() {
        let process = |first, workers| {
            let inlets = (0..workers).map(|_| intake(1).0).collect();
            WorkerInlets {
                peers: 5,
                first,
                inlets,
                oldest: OldestHour::default(),
                pause: SourcePause::default(),
                horizon_hours: 1,
            }
        };
        let processes = [process(0, 2), process(2, 2), process(4, 1)];
        for (topic, _) in TOPICS {
            for index in 0..50 {
                let partition = Partition { topic: topic.into(), index };
                let readers = processes.iter().filter_map(|workers| workers.reader_of(&partition));
                assert_eq!(readers.count(), 1, "{partition:?}");
            }
        }
    }

    #[test]
    fn every_subject_has_its_topic() {
        for (index, subject) in Subject::ALL.into_iter().enumerate() {
            let feed = match subject {
                Subject::Event(kind) => Feed::Events(kind),
                Subject::Merge => Feed::Merges,
                Subject::Forget => Feed::Forgets,
                Subject::Product => Feed::Catalogue,
            };
            assert!(TOPICS.contains(&(subject.topic(), feed)));
            assert_eq!(subject.index(), index);
        }
    }
}
