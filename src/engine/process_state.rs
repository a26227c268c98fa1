//! The state that the workers of a process share with each other and with the process.

use crate::engine::in_force::ModelInForce;
use dataflows::time::Time;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The progress of the workers of a process, their model, and the order to stop.
#[derive(Debug, Default)]
pub(super) struct ProcessState {
    stop: AtomicBool,
    closed: AtomicU64,
    open_epochs: AtomicUsize,
    pub(super) in_force: ModelInForce,
}

impl ProcessState {
    /// Tells the workers to stop.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The time before which everything is in the views, as far as any worker of the process knows.
    pub(super) fn closed(&self) -> Time {
        self.closed.load(Ordering::Acquire)
    }

    /// Tells the others the time before which everything is in the views.
    pub(super) fn close(&self, before: Time) {
        // The end of time would leave no later one for the process to wait for.
        self.closed.fetch_max(before.min(Time::MAX - 1), Ordering::AcqRel);
    }

    /// Counts an epoch that a worker has opened.
    pub(super) fn open_epoch(&self) {
        self.open_epochs.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts an epoch of a worker that has closed.
    pub(super) fn close_epoch(&self) {
        self.open_epochs.fetch_sub(1, Ordering::AcqRel);
    }

    /// The number of open epochs, over all workers of the process.
    pub(super) fn open_epochs(&self) -> usize {
        self.open_epochs.load(Ordering::Acquire)
    }
}
