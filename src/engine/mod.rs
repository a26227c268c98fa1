//! The heart of a worker process: what sources hand in, what askers ask, and the loop between.

pub mod intake;
pub mod question;
mod pace;
mod asking;
mod worker;
mod start;

pub use start::{Engine, Failed, start};
pub use worker::Change;

use dataflows::time::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock as logical time.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::try_from(since.as_micros()).unwrap_or(Time::MAX)
}
