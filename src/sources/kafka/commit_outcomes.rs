//! The outcomes of commits: failures are counted, and logged when they begin and when they end.

use prometheus::IntCounter;
use std::sync::{Arc, Mutex, PoisonError};

/// The outcomes of commits. Clones share them.
#[derive(Clone)]
pub(super) struct CommitOutcomes(Arc<State>);

struct State {
    /// The error of the last commit, if it failed.
    error: Mutex<Option<String>>,
    failed: IntCounter,
}

impl CommitOutcomes {
    pub(super) fn new(failed: IntCounter) -> CommitOutcomes {
        CommitOutcomes(Arc::new(State { error: Mutex::default(), failed }))
    }

    /// Takes the outcome of a commit. The same error is logged once, until a commit succeeds.
    pub(super) fn ended(&self, outcome: Result<(), String>) {
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
