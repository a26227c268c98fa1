//! Connects the processes of a cluster at the start, and notices when one is lost.
//!
//! Timely moves the data between processes, but its own way of connecting them panics on any stray
//! connection, connects any two builds, and never notices a peer that has frozen. So the
//! connections are made here, two between each pair of processes: a [`Wire`] for timely's data, and
//! one for the heartbeats, which tell a few times a second that the other end still lives.
//!
//! A process cannot go on without a peer, as timely cannot let one join again. One that loses a
//! peer ends, and the supervisor starts all of them anew.

mod error;
mod handshake;
mod plan;
mod dial;
mod heartbeat;
mod wire;
mod discovery;
mod membership;
#[cfg(test)]
mod tests;

pub use error::ConnectError;
pub use heartbeat::{Loss, LossCause};
pub use membership::Cluster;
pub use wire::Wire;

use std::time::Duration;

/// The pause before a process is dialed again, or a name looked up.
const RETRY: Duration = Duration::from_millis(200);

/// The longest time that telling the peers of this process's end may take.
const FAREWELL: Duration = Duration::from_millis(500);
