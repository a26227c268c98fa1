//! Settings in ZooKeeper, and the list of the processes that are alive.
//!
//! Nothing relies on a session, which may expire, or on a watch, which may stay silent (it does
//! after a server's restart). [`Store::changed`](super::Store::changed) completes at every
//! reconnection and every few seconds besides; an expired session is followed by a new one, in
//! which the members are registered again.

mod membership;
mod tls;
mod connect;
mod trouble;
mod session;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use connect::connect;
pub use membership::Membership;
pub use store::ZooKeeperStore;
pub(crate) use trouble::{no_session, refusal};

use std::time::Duration;

/// The node that has a child for each process that is alive.
pub const MEMBERS: &str = "/services/recsys";

/// The longest time that an operation may take.
const PATIENCE: Duration = Duration::from_secs(3);
