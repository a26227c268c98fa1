//! `recsys check`: writes to a service, reads it back, and leaves nothing behind.

mod kafka;
mod redis;
mod zookeeper;
mod run;

pub(super) use run::run;

use std::time::Duration;

/// How long any one step may take; a check has a handful of them.
const PATIENCE: Duration = Duration::from_secs(5);
