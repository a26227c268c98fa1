//! The troubles in reading the source, by partition, the topics that are missing and the records that are lost,
//! for those who ask about them.

use crate::event_log::Partition;
use crate::refused_records::RefusedRecords;
use crate::service_health::ServiceHealth;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The kinds of trouble that a partition may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Reading it fails.
    Read,
    /// Where it begins and ends can't be looked up, so that it is not read yet, or its lag is not known.
    LookUp,
    /// It has records that are not read, and has not been read on for long.
    Stalled,
}

impl Trouble {
    /// The trouble's name, as operators see it.
    pub fn name(self) -> &'static str {
        match self {
            Trouble::Read => "read",
            Trouble::LookUp => "look_up",
            Trouble::Stalled => "stalled",
        }
    }
}

/// A partition's trouble, at an offset, and what there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionTrouble {
    /// The partition.
    pub partition: Partition,
    /// The kind of trouble.
    pub trouble: Trouble,
    /// The offset that it is about.
    pub offset: i64,
    /// What happened, for a person.
    pub details: String,
}

/// How far a partition was read, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionExtent {
    /// The first offset that is left.
    pub first: i64,
    /// The offset of what is read next.
    pub position: i64,
    /// The offset after the last record.
    pub end: i64,
}

/// When records were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LostWhen {
    /// Before this process began to read: it does not know whether anybody had read them.
    Start,
    /// While it ran: they were to be read next.
    Running,
}

impl LostWhen {
    /// The name, as operators see it.
    pub fn name(self) -> &'static str {
        match self {
            LostWhen::Start => "start",
            LostWhen::Running => "running",
        }
    }
}

/// Records that their topic no longer has, and that were not read.
#[derive(Clone, Debug, PartialEq)]
pub struct LostRecords {
    /// The partition.
    pub partition: Partition,
    /// When they were lost.
    pub when: LostWhen,
    /// The first offset that is gone.
    pub from: i64,
    /// The offset after the last one that is gone.
    pub to: i64,
    /// How many offsets that are: fewer than between the two if there was more than one gap.
    pub offsets: i64,
    /// Whether reading goes on behind them.
    pub reads_on: bool,
    /// The ids of the topic that they were in and of the one that has its name now, if they went with their topic: then
    /// it is not known how many they are.
    pub topic_ids: Option<[String; 2]>,
}

impl fmt::Display for LostRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LostRecords { partition: Partition { topic, index }, from, to, offsets, .. } = self;
        if let Some([was, is]) = &self.topic_ids {
            return write!(
                f,
                "{topic}, partition {index}: all from offset {from} on of the topic with the id {was}, in whose place is \
                 one with the id {is}"
            );
        }
        write!(f, "{topic}, partition {index}: {offsets} offsets, from {from} to before {to}")
    }
}

/// The lost records: a partition has one of each time at most.
type Lost = BTreeMap<(Partition, LostWhen), LostRecords>;

/// The offsets and details of troubles: a partition has one of each kind at most.
type Troubles = BTreeMap<(Partition, Trouble), (i64, String)>;

/// The troubles that partitions have now. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct SourceHealth(Arc<State>);

#[derive(Debug, Default)]
struct State {
    troubles: Mutex<Troubles>,
    missing: Mutex<BTreeSet<Arc<str>>>,
    lost: Mutex<Lost>,
    extents: Mutex<BTreeMap<Partition, PartitionExtent>>,
    retention: Mutex<Option<(String, i64)>>,
    services: ServiceHealth,
    refused: RefusedRecords,
}

impl SourceHealth {
    /// Notes that a partition has a trouble; it replaces an earlier one of the same kind.
    pub fn begin(&self, partition: &Partition, trouble: Trouble, offset: i64, details: String) {
        self.lock().insert((partition.clone(), trouble), (offset, details));
    }

    /// Notes that a partition's trouble is over.
    pub fn end(&self, partition: &Partition, trouble: Trouble) {
        self.lock().remove(&(partition.clone(), trouble));
    }

    /// The troubles of all partitions, in the partitions' order.
    pub fn troubles(&self) -> Vec<PartitionTrouble> {
        let troubles = self.lock();
        let troubles = troubles.iter().map(|((partition, trouble), (offset, details))| {
            let (partition, details) = (partition.clone(), details.clone());
            PartitionTrouble { partition, trouble: *trouble, offset: *offset, details }
        });
        troubles.collect()
    }

    /// Notes which topics are missing.
    pub fn set_missing(&self, topics: &BTreeSet<Arc<str>>) {
        self.0.missing.lock().unwrap_or_else(PoisonError::into_inner).clone_from(topics);
    }

    /// The topics that were missing when they were looked up last.
    pub fn missing(&self) -> BTreeSet<Arc<str>> {
        self.0.missing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes records that are lost. Those of one partition and time are told together.
    pub fn lose(&self, lost: LostRecords) {
        match self.lost_records().entry((lost.partition.clone(), lost.when)) {
            Entry::Vacant(entry) => drop(entry.insert(lost)),
            Entry::Occupied(mut entry) => {
                let before = entry.get_mut();
                before.offsets += lost.offsets;
                (before.to, before.reads_on) = (lost.to, lost.reads_on);
            }
        }
    }

    /// Notes how far a partition was read, and what it holds.
    pub fn measure(&self, partition: &Partition, extent: PartitionExtent) {
        self.measured().insert(partition.clone(), extent);
    }

    /// What all partitions that this process reads hold, as they were looked at last, in the partitions' order.
    pub fn extents(&self) -> Vec<(Partition, PartitionExtent)> {
        self.measured().iter().map(|(partition, extent)| (partition.clone(), *extent)).collect()
    }

    fn measured(&self) -> MutexGuard<'_, BTreeMap<Partition, PartitionExtent>> {
        // An entry is whole whenever the lock is given back, so a poisoned map is intact.
        self.0.extents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The records that are lost, in the partitions' order.
    pub fn lost(&self) -> Vec<LostRecords> {
        self.lost_records().values().cloned().collect()
    }

    fn lost_records(&self) -> MutexGuard<'_, Lost> {
        // An entry is whole whenever the lock is given back, so a poisoned map is intact.
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes for how many more seconds a topic, that with the fewest, keeps the oldest record that no checkpoint has.
    pub fn set_retention(&self, least: Option<(String, i64)>) {
        *self.0.retention.lock().unwrap_or_else(PoisonError::into_inner) = least;
    }

    /// That topic and the seconds, as they were looked at last; `None` if no topic deletes what is old, or it is not known.
    pub fn retention(&self) -> Option<(String, i64)> {
        self.0.retention.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wrong with the services that the process needs.
    pub fn services(&self) -> &ServiceHealth {
        &self.0.services
    }

    /// The records that the parser has refused.
    pub fn refused(&self) -> &RefusedRecords {
        &self.0.refused
    }

    fn lock(&self) -> MutexGuard<'_, Troubles> {
        // A panic cannot leave an insertion or a removal half done, so a poisoned map is intact.
        self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_partition_has_lost_adds_up() {
        let health = SourceHealth::default();
        let lose = |index, when, from, to, reads_on| {
            let partition = Partition { topic: "view-events".into(), index };
            let offsets = to - from;
            let topic_ids = None;
            let lost = LostRecords { partition, when, from, to, offsets, reads_on, topic_ids };
            health.lose(lost.clone());
            lost
        };
        let other = lose(1, LostWhen::Running, 7, 9, false);
        let start = lose(0, LostWhen::Start, 0, 70, true);
        let first = lose(0, LostWhen::Running, 100, 110, true);
        assert_eq!(health.lost(), [start.clone(), first.clone(), other.clone()]);
        lose(0, LostWhen::Running, 150, 151, false);
        let both = LostRecords { to: 151, offsets: 11, reads_on: false, ..first };
        let told = "view-events, partition 0: 11 offsets, from 100 to before 151";
        assert_eq!(both.to_string(), told);
        assert_eq!(health.lost(), [start, both, other]);
    }

    #[test]
    fn what_has_gone_with_its_topic_is_told_by_the_ids() {
        let partition = Partition { topic: "view-events".into(), index: 2 };
        let topic_ids = Some(["A".to_owned(), "B".to_owned()]);
        let (when, reads_on) = (LostWhen::Start, false);
        let lost = LostRecords { partition, when, from: 7, to: 7, offsets: 0, reads_on, topic_ids };
        let told = "view-events, partition 2: all from offset 7 on of the topic with the id A, in whose place is one \
                    with the id B";
        assert_eq!(lost.to_string(), told);
    }
}
