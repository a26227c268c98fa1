//! Why a process could not join its cluster.

use std::time::Duration;

/// Why a process could not join its cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// This process cannot listen, so nobody can reach it.
    #[error("hosts[{process}] = {address:?}: cannot listen there")]
    Listen {
        /// This process.
        process: usize,
        /// Its entry in `hosts`.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process rejects this one for good.
    #[error("process {process} ({address}) turns this one away: {reason}")]
    Rejected {
        /// The other process.
        process: usize,
        /// Its entry in `hosts`.
        address: String,
        /// Why.
        reason: String,
    },
    /// Not all processes have connected in time.
    #[error("not all processes have come in {within:?}; still missing: {missing}")]
    Missing {
        /// The time that was waited: `cluster.connect_timeout_ms`.
        within: Duration,
        /// The processes that are missing, with what is known of each.
        missing: String,
    },
    /// The thread for the heartbeats could not be started.
    #[error("the cluster's thread could not be made")]
    Thread(#[source] std::io::Error),
}
