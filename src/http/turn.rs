//! Whose turn it is on a connection.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whose turn it is on a connection: the server's from a request's arrival to its answer, the
/// client's while it sends a request, and while it takes an answer.
#[derive(Debug, Default)]
pub(super) struct Turn {
    servers: AtomicBool,
}

impl Turn {
    pub(super) fn pass_to_server(&self) {
        self.servers.store(true, Ordering::Relaxed);
    }

    pub(super) fn pass_to_client(&self) {
        self.servers.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_clients(&self) -> bool {
        !self.servers.load(Ordering::Relaxed)
    }
}
