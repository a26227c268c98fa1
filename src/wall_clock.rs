//! Times of the wall clock as milliseconds since the Unix epoch.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now.
pub(crate) fn now_ms() -> i64 {
    unix_ms(SystemTime::now())
}

/// A time; 0 before the epoch.
pub(crate) fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
