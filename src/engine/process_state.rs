//! The state that the workers of a process share with each other and with the process.

use crate::engine::in_force::ModelInForce;
use crate::engine::messages::Beginning;
use crate::engine::oldest_hour::OldestHour;
use dataflows::time::Time;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The progress of the workers of a process, their model, and the order to stop.
#[derive(Debug, Default)]
pub(super) struct ProcessState {
    stop: AtomicBool,
    closed: AtomicU64,
    opened: AtomicU64,
    /// Whether sinks may write.
    writes: AtomicBool,
    /// Where reading goes on from what the views began with.
    begun: OnceLock<Beginning>,
    ended: AtomicBool,
    /// What the processes have lost, each for a person.
    lost: Mutex<BTreeMap<usize, String>>,
    pub(super) oldest: OldestHour,
    pub(super) in_force: ModelInForce,
}

impl ProcessState {
    pub(super) fn new(in_force: ModelInForce) -> ProcessState {
        ProcessState { in_force, ..ProcessState::default() }
    }

    /// Tells the workers to stop.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Lets sinks write.
    pub(super) fn let_write(&self) {
        self.writes.store(true, Ordering::Release);
    }

    pub(super) fn may_write(&self) -> bool {
        self.writes.load(Ordering::Acquire)
    }

    /// Notes where reading goes on from what the views began with.
    pub(super) fn begin(&self, beginning: Beginning) {
        // Each worker of the process hears the same.
        let _ = self.begun.set(beginning);
    }

    pub(super) fn begun(&self) -> Option<&Beginning> {
        self.begun.get()
    }

    /// Notes which records processes have lost.
    pub(super) fn lose(&self, lost: BTreeMap<usize, String>) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = lost;
    }

    pub(super) fn lost(&self) -> BTreeMap<usize, String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the cluster ends.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
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

    /// The end of the latest epoch that a worker of the process has put input into.
    pub(super) fn opened(&self) -> Time {
        self.opened.load(Ordering::Acquire)
    }

    /// Tells the end of an epoch that has input.
    pub(super) fn open(&self, end: Time) {
        self.opened.fetch_max(end, Ordering::AcqRel);
    }
}
