//! A source at work: how far it is, and how to end it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// Whether a source has read all that was there when it started. Cheap to clone.
#[derive(Clone, Default)]
pub struct SourceProgress(Arc<State>);

#[derive(Default)]
struct State {
    found: AtomicBool,
    behind: AtomicUsize,
}

impl SourceProgress {
    /// Whether the workers have been handed all that was there when the source started.
    pub fn caught_up(&self) -> bool {
        self.0.found.load(Ordering::Acquire) && self.0.behind.load(Ordering::Acquire) == 0
    }

    /// All partitions that there are now have been counted.
    pub(super) fn found(&self) {
        self.0.found.store(true, Ordering::Release);
    }

    /// One more partition has something to catch up with.
    pub(super) fn behind(&self) {
        self.0.behind.fetch_add(1, Ordering::AcqRel);
    }

    /// One of them has caught up.
    pub(super) fn arrived(&self) {
        self.0.behind.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A source at work. Dropping it ends it and waits for its threads.
pub struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    progress: SourceProgress,
}

impl Running {
    pub(super) fn new(
        stop: Arc<AtomicBool>,
        threads: Vec<JoinHandle<()>>,
        progress: SourceProgress,
    ) -> Running {
        Running { stop, threads, progress }
    }

    /// How far it is.
    pub fn progress(&self) -> SourceProgress {
        self.progress.clone()
    }

    /// Whether its threads still run; they end by themselves when the workers have ended.
    pub fn is_alive(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a source's thread has panicked");
            }
        }
    }
}
