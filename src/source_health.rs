//! The troubles in reading the source, by partition, and the topics that are missing, for those who ask
//! about them.

use crate::event_log::Partition;
use crate::service_health::ServiceHealth;
use std::collections::{BTreeMap, BTreeSet};
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

/// The offsets and details of troubles: a partition has one of each kind at most.
type Troubles = BTreeMap<(Partition, Trouble), (i64, String)>;

/// The troubles that partitions have now. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct SourceHealth(Arc<State>);

#[derive(Debug, Default)]
struct State {
    troubles: Mutex<Troubles>,
    missing: Mutex<BTreeSet<Arc<str>>>,
    services: ServiceHealth,
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

    /// What is wrong with the services that the process needs.
    pub fn services(&self) -> &ServiceHealth {
        &self.0.services
    }

    fn lock(&self) -> MutexGuard<'_, Troubles> {
        // A panic cannot leave an insertion or a removal half done, so a poisoned map is intact.
        self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
