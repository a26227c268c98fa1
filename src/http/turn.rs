//! Whose turn it is on a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whose turn it is on a connection: the server's from a request's arrival to its answer, the
/// client's while it sends a request, and while it takes an answer.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The number of heads that have come, and of answers that were made. An odd number is the server's.
    passes: AtomicUsize,
    /// Whether the server waits for the body of a request.
    body: AtomicBool,
    /// Whether an answer is told bit by bit, so that it is the server's turn until its end.
    tells: AtomicBool,
}

/// An answer that is told bit by bit, until this is dropped.
pub(super) struct Telling(Arc<Turn>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.tells.store(false, Ordering::Relaxed);
    }
}

impl Turn {
    /// Passes the turn on: a request's head has come, or its answer is made.
    pub(super) fn pass(&self) {
        self.passes.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the server waits for the body of a request, or does no longer.
    pub(super) fn wait_for_body(&self, waits: bool) {
        self.body.store(waits, Ordering::Relaxed);
    }

    /// Notes that the answer that was made is told bit by bit.
    pub(super) fn tell(self: Arc<Turn>) -> Telling {
        self.tells.store(true, Ordering::Relaxed);
        Telling(self)
    }

    pub(super) fn is_clients(&self) -> bool {
        self.awaited_head().is_some() || self.body.load(Ordering::Relaxed)
    }

    /// Returns the number of the head that is awaited, if one is.
    pub(super) fn awaited_head(&self) -> Option<usize> {
        let passes = self.passes.load(Ordering::Relaxed);
        (passes.is_multiple_of(2) && !self.tells.load(Ordering::Relaxed)).then_some(passes)
    }
}
