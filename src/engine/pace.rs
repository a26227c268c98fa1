//! How often a worker opens an epoch.
//!
//! An epoch costs about the same however little is in it: every operator looks at it, and what it
//! brings to a view is merged once more for every time that it is half as large. So a worker rests
//! after it has worked: it opens an epoch at once when it is idle, and fewer, larger ones the more
//! there is to do.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// How much longer than the work the rest is.
const RESTS: u32 = 3;
/// How long it is at most, so that what comes meanwhile is fresh.
const MOST: Duration = Duration::from_millis(10);

/// Since when the last epoch is open, and what the worker had worked by then.
pub(super) struct Pace {
    opened: Instant,
    worked: Duration,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace { opened: Instant::now(), worked: worked() }
    }

    /// How long the worker is still to rest; none when it may open the next epoch.
    pub(super) fn rest(&self) -> Option<Duration> {
        let since = worked().saturating_sub(self.worked);
        let until = since + MOST.min(since * RESTS);
        until.checked_sub(self.opened.elapsed()).filter(|rest| !rest.is_zero())
    }
}

/// How long this thread has worked; what others have done meanwhile is not in it.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
