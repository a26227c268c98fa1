//! Waits for moments.

use std::thread;
use std::time::Instant;

/// Waits until a moment, or some microseconds longer: measure from the moment, not from when this
/// returns.
pub(crate) fn wait_until(moment: Instant) {
    loop {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}
