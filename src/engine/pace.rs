//! The pace at which a worker opens epochs.
//!
//! An epoch costs about the same however small it is: every operator is scheduled for it, and with each
//! halving of the epochs' size, a view's updates are merged once more. So a worker rests after it has
//! worked. An idle one opens an epoch at once, and the more there is to do, the larger the epochs are.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The ratio of rest to work.
const RESTS: u32 = 3;
/// The longest rest. It bounds the age of the events that wait.
const MOST: Duration = Duration::from_millis(10);

/// Measures a worker's work since it opened its last epoch.
pub(super) struct Pace {
    opened: Instant,
    /// The thread's CPU time when it opened that epoch.
    worked: Duration,
}

impl Pace {
    /// A pace that begins with an epoch opened now.
    pub(super) fn new() -> Pace {
        Pace { opened: Instant::now(), worked: worked() }
    }

    /// The rest that is left; `None` when the worker may open the next epoch.
    pub(super) fn rest(&self) -> Option<Duration> {
        let since = worked().saturating_sub(self.worked);
        let until = since + MOST.min(since * RESTS);
        until.checked_sub(self.opened.elapsed()).filter(|rest| !rest.is_zero())
    }
}

/// The CPU time of this thread. The work of others is not in it.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
