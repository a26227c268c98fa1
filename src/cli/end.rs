//! Ends the process at once, whatever its threads do.

use super::exit_code::FAILED;
use std::thread;
use std::time::{Duration, Instant};

/// Ends the process without the handlers that libraries have for its end: they take down what other threads still use,
/// such as TLS under librdkafka's connections.
pub(super) fn end(code: u8) -> ! {
    signal_hook::low_level::exit(code.into())
}

/// Ends the process after a time, if it has not ended by then: whoever started it waits for no longer.
pub(super) fn end_in_any_case(time: Duration) {
    thread::spawn(move || {
        wait(time);
        tracing::error!(?time, "a part of the process does not end; it is left behind");
        end(FAILED)
    });
}

/// Waits for a time, whoever wakes the thread meanwhile.
pub(super) fn wait(time: Duration) {
    let deadline = Instant::now() + time;
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}
