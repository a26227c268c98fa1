//! The outcomes of commits: failures are counted, and logged when they begin and when they end.

use prometheus::IntCounter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The outcomes of commits, of which one is under way at a time. Clones share them.
#[derive(Clone)]
pub(super) struct CommitOutcomes(Arc<State>);

struct State {
    is_under_way: AtomicBool,
    /// The error of the last commit, if it failed.
    error: Mutex<Option<String>>,
    failed: IntCounter,
}

impl CommitOutcomes {
    pub(super) fn new(failed: IntCounter) -> CommitOutcomes {
        let is_under_way = AtomicBool::new(false);
        CommitOutcomes(Arc::new(State { is_under_way, error: Mutex::default(), failed }))
    }

    /// Whether a commit has no outcome yet.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.is_under_way.load(Ordering::Acquire)
    }

    /// Notes that a commit begins.
    pub(super) fn begins(&self) {
        self.0.is_under_way.store(true, Ordering::Release);
    }

    /// Takes the outcome of the commit under way. The same error is logged once, until a commit succeeds.
    pub(super) fn ended(&self, outcome: Result<(), String>) {
        self.0.is_under_way.store(false, Ordering::Release);
        // Only whole values are stored, so a poisoned one is intact.
        let mut current = self.0.error.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                if current.take().is_some() {
                    tracing::info!("offsets are committed again");
                }
            }
            Err(error) => {
                self.0.failed.inc();
                if current.as_ref() != Some(&error) {
                    tracing::warn!(
                        error,
                        "offsets can't be committed; lag tools show old ones, and reading goes on"
                    );
                    *current = Some(error);
                }
            }
        }
    }
}
