//! `recsys check`: writes to a service, reads it back, and leaves nothing behind.

mod kafka;
mod redis;
mod zookeeper;
mod run;

pub(super) use run::run;

use std::time::Duration;

/// The longest time that one step of a check may take.
const PATIENCE: Duration = Duration::from_secs(5);
