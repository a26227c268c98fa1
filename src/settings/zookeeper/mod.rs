//! Settings in ZooKeeper, and this process's place among the living.
//!
//! A session may be lost and a watch may stay silent (it does after a server's restart), so nothing
//! rests on either: [`Store::changed`] completes at every reconnection and every few seconds
//! besides, and an expired session is followed by a new one, with the members in it again.

mod session;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use session::connect;
pub use store::ZooKeeperStore;

use std::time::Duration;

/// Below this node every living process has one.
pub const MEMBERS: &str = "/services/recsys";

/// How long an operation may take.
const PATIENCE: Duration = Duration::from_secs(3);
