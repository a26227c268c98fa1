//! The bounded queue from the sources to a worker.

use crate::event_log::Partition;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use dataflows::record::block::Block;
use dataflows::record::merge::Merge;
use dataflows::record::product::CatalogueRow;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;

/// Events, merges and rows, with the positions that they reach. A worker takes a unit into one epoch as a
/// whole, so that the state at a time and the offsets at that time are one cut.
#[derive(Debug, Default)]
pub struct Unit {
    /// Events by the worker that owns their user (`dataflows::ids::hash::owner`).
    pub blocks: Vec<(usize, Block)>,
    /// Merges of guests that have signed in.
    pub merges: Vec<Merge>,
    /// Catalogue rows, in their order.
    pub catalogue: Vec<CatalogueRow>,
    /// The number of offsets by which each partition advances, dead letters included.
    pub advances: Vec<(Partition, i64)>,
}

impl Unit {
    /// The number of events.
    pub fn events(&self) -> usize {
        self.blocks.iter().map(|(_, block)| block.events()).sum()
    }

    /// Roughly its size in bytes.
    pub fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(|(_, block)| block.len()).sum();
        blocks + 256 * (self.merges.len() + self.catalogue.len() + self.advances.len())
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
    (Inlet { sender, shared: shared.clone() }, Outlet { receiver, shared })
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

    /// The size of the waiting units, in bytes.
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }
}

/// The worker's end of its queue.
pub struct Outlet {
    receiver: Receiver<Unit>,
    shared: Arc<QueueState>,
}

impl Outlet {
    /// Sets the thread to wake.
    pub fn bind(&self, worker: Thread) {
        // A worker binds once; a second call changes nothing.
        let _ = self.shared.worker.set(worker);
    }

    /// The next unit, if one waits.
    pub fn take(&self) -> Option<Unit> {
        let unit = self.receiver.try_recv().ok()?;
        self.shared.held.fetch_sub(unit.bytes(), Ordering::Relaxed);
        Some(unit)
    }

    /// The size of the waiting units, in bytes.
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}
