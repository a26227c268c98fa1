//! What a process must know to connect to the others of its cluster.

use super::handshake::Identity;
use crate::config::Config;
use std::time::Duration;

/// What a process must know to connect to the others.
#[derive(Clone, Debug)]
pub(super) struct ClusterPlan {
    pub(super) me: Identity,
    pub(super) hosts: Vec<String>,
    /// The longest time to wait for all; `None` waits for ever.
    pub(super) patience: Option<Duration>,
    /// A peer counts as lost after a silence of this length.
    pub(super) silence: Duration,
}

impl ClusterPlan {
    pub(super) fn of(config: &Config) -> ClusterPlan {
        ClusterPlan {
            me: Identity {
                version: env!("CARGO_PKG_VERSION").into(),
                fingerprint: config.fingerprint(),
                workers: config.workers,
                process: config.process,
            },
            hosts: config.hosts.clone(),
            patience: config.cluster.connect_timeout,
            silence: config.cluster.peer_timeout,
        }
    }
}
