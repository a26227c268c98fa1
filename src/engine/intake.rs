//! The bounded queue from the sources to a worker.

use crate::event_log::Partition;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use dataflows::record::block::Block;
use dataflows::record::decision::Decision;
use dataflows::record::product::CatalogueRow;
use dataflows::record::reached::Reached;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;

/// Events, decisions and rows, with the positions that they reach. A worker takes a unit into one epoch as a
/// whole, so that the state at a time and the offsets at that time are one cut.
#[derive(Debug, Default)]
pub struct Unit {
    /// Events by the worker that owns their user (`dataflows::ids::hash::owner`).
    pub blocks: Vec<(usize, Block)>,
    /// What was said of users.
    pub decisions: Vec<Decision>,
    /// Catalogue rows, in their order.
    pub catalogue: Vec<CatalogueRow>,
    /// The number of offsets by which each partition advances, dead letters included.
    pub advances: Vec<(Partition, i64)>,
    /// How far partitions have been read with this.
    pub reached: Vec<Reached>,
}

impl Unit {
    /// The number of events, decisions and catalogue rows.
    pub fn records(&self) -> usize {
        let events: usize = self.blocks.iter().map(|(_, block)| block.events()).sum();
        events + self.decisions.len() + self.catalogue.len()
    }

    /// Roughly its size in bytes.
    pub fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(|(_, block)| block.len()).sum();
        blocks
            + 256
                * (self.decisions.len()
                    + self.catalogue.len()
                    + self.advances.len()
                    + self.reached.len())
    }
}

/// Makes a worker's queue, bounded by bytes. The sources hold the [`Inlet`], the worker the [`Outlet`].
pub fn intake(bytes: usize) -> (Inlet, Outlet) {
    let (sender, receiver) = bounded(4096);
    let shared = Arc::new(QueueState {
        capacity: bytes,
        held: AtomicUsize::new(0),
        worker: OnceLock::new(),
    });
    let inlet = Inlet { sender, shared: shared.clone() };
    (inlet, Outlet { receiver, shared, taken: Cell::new(0) })
}

/// The state that both ends share.
struct QueueState {
    capacity: usize,
    held: AtomicUsize,
    worker: OnceLock<Thread>,
}

/// The sources' end of a worker's queue.
#[derive(Clone)]
pub struct Inlet {
    sender: Sender<Unit>,
    shared: Arc<QueueState>,
}

/// The reason why a unit was not taken.
#[derive(Debug)]
pub enum Refused {
    /// The queue is full: pause, and offer the unit again.
    Full(Unit),
    /// The worker has ended.
    Closed,
}

impl Inlet {
    /// Hands a unit over and wakes the worker.
    ///
    /// # Errors
    /// When the queue is full (the unit comes back) or the worker has ended.
    pub fn offer(&self, unit: Unit) -> Result<(), Refused> {
        let bytes = unit.bytes();
        // A unit larger than the queue passes when it is alone.
        if self.shared.held.load(Ordering::Relaxed) >= self.shared.capacity {
            return Err(Refused::Full(unit));
        }
        // Counted before it is sent, so that the worker never takes more than is counted.
        self.shared.held.fetch_add(bytes, Ordering::Relaxed);
        match self.sender.try_send(unit) {
            Ok(()) => {
                if let Some(worker) = self.shared.worker.get() {
                    worker.unpark();
                }
                Ok(())
            }
            Err(error) => {
                self.shared.held.fetch_sub(bytes, Ordering::Relaxed);
                match error {
                    TrySendError::Full(unit) => Err(Refused::Full(unit)),
                    TrySendError::Disconnected(_) => Err(Refused::Closed),
                }
            }
        }
    }

    /// The size of the waiting units, in bytes. It is zero only once all are in epochs that the
    /// worker has told of.
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Acquire)
    }
}

/// The worker's end of its queue.
pub struct Outlet {
    receiver: Receiver<Unit>,
    shared: Arc<QueueState>,
    /// The bytes of units that were taken since the last release.
    taken: Cell<usize>,
}

impl Outlet {
    /// Sets the thread to wake.
    pub fn bind(&self, worker: Thread) {
        // A worker binds once; a second call changes nothing.
        let _ = self.shared.worker.set(worker);
    }

    /// Takes waiting units, until they have `most` records or more: units are not split. They count
    /// as waiting until [`Outlet::release`].
    pub fn take_up_to(&self, most: usize) -> impl Iterator<Item = Unit> + '_ {
        let mut left = most;
        std::iter::from_fn(move || {
            let unit = if left > 0 { self.receiver.try_recv().ok()? } else { return None };
            left = left.saturating_sub(unit.records());
            self.taken.set(self.taken.get() + unit.bytes());
            Some(unit)
        })
    }

    /// Counts the units that were taken as waiting no longer. A worker first tells of their epoch, so
    /// that whoever sees an empty queue knows which epochs to wait for.
    pub fn release(&self) {
        self.shared.held.fetch_sub(self.taken.take(), Ordering::Release);
    }

    /// The size of the waiting units, in bytes.
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// The number of waiting units.
    pub fn units(&self) -> usize {
        self.receiver.len()
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Unit, intake};
    use dataflows::record::block::Block;
    use dataflows::record::decision::Decision;
    use dataflows::record::event::{Event, Kind};
    use dataflows::record::product::CatalogueRow;

    fn events(count: usize) -> Unit {
        let mut block = Block::default();
        for _ in 0..count {
            block.push(&Event {
                event_type: Kind::View.into(),
                time: 0,
                user: "u",
                product: "p",
                category: "",
                session: "",
                id: "",
                tags: Vec::new(),
                recorded: 0,
            });
        }
        Unit { blocks: vec![(0, block)], ..Unit::default() }
    }

    fn merges(count: usize) -> Unit {
        let merge = Decision { user: "g".into(), time: 0, account: Some("u".into()), recorded: 0 };
        Unit { decisions: vec![merge; count], ..Unit::default() }
    }

    fn rows(count: usize) -> Unit {
        let row = CatalogueRow { product: "p".into(), row: None };
        Unit { catalogue: vec![row; count], ..Unit::default() }
    }

    #[test]
    fn an_epoch_is_bounded_in_records_of_every_kind() {
        for unit in [events, merges, rows] {
            let (inlet, outlet) = intake(1 << 30);
            outlet.bind(std::thread::current());
            for _ in 0..10 {
                inlet.offer(unit(256)).unwrap();
            }
            assert_eq!(outlet.take_up_to(1000).count(), 4);
            assert_eq!(outlet.take_up_to(usize::MAX).count(), 6);
        }
    }

    #[test]
    fn units_count_as_waiting_until_their_epoch_is_told_of() {
        let (inlet, outlet) = intake(1 << 30);
        outlet.bind(std::thread::current());
        inlet.offer(rows(3)).unwrap();
        assert_eq!(outlet.take_up_to(1).count(), 1);
        assert!(inlet.held() > 0);
        outlet.release();
        assert_eq!(inlet.held(), 0);
    }
}
