//! The last write that failed, remembered for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a failure counts. Who is told that writing fails stops to write, so that no success
/// would ever take the failure back.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// The last write that failed, unless one has succeeded since.
#[derive(Debug, Default)]
pub(super) struct RecentFailure(Mutex<Option<(Instant, String)>>);

impl RecentFailure {
    /// Notes that a write has failed.
    pub(super) fn failed(&self, reason: String) {
        *self.lock() = Some((Instant::now(), reason));
    }

    /// Notes that a write has succeeded.
    pub(super) fn succeeded(&self) {
        *self.lock() = None;
    }

    /// Fails with the reason of the last write's failure, if that still counts.
    pub(super) fn check(&self, now: Instant) -> Result<(), String> {
        match &*self.lock() {
            Some((when, reason)) if now.duration_since(*when) < COUNTS_FOR => Err(reason.clone()),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        // Only whole values are stored, so a poisoned one is intact.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_until_a_success_or_for_ten_seconds() {
        let failure = RecentFailure::default();
        let now = Instant::now();
        assert_eq!(failure.check(now), Ok(()));
        failure.failed("the disk is full".into());
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert_eq!(failure.check(later(9)), Err("the disk is full".into()));
        assert_eq!(failure.check(later(10)), Ok(()));
        failure.succeeded();
        assert_eq!(failure.check(later(0)), Ok(()));
    }
}
