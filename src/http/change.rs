//! What a request has changed, which goes with its answer to the audit log.

use crate::http::reply::Reply;

/// What a handler has changed, for the audit log; it goes with the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    /// What was there before, if that is known.
    pub(super) before: Option<String>,
    /// What is there now.
    pub(super) after: Option<String>,
}

impl Change {
    /// Has the audit log tell of a change.
    pub(super) fn mark(self, reply: &mut Reply) {
        reply.extensions_mut().insert(self);
    }
}
