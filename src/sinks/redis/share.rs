//! The users whose keys a worker writes.

use dataflows::ids::hash::owner;

/// One worker's share of all names.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) worker: usize,
    /// The number of all workers.
    pub(super) peers: usize,
}

impl Share {
    /// False for a name that is gone, and for one that the worker knows only because what its user did counts for
    /// somebody of its own: the key of that user is another worker's.
    pub(super) fn has(self, user: &str) -> bool {
        !user.is_empty() && owner(user, self.peers) == self.worker
    }
}
