//! Who has sent a request.

use crate::access::Identity;
use crate::http::peer::Peer;
use std::fmt;

/// Who has sent a request that was let in.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Nobody who has said so.
    Unnamed(Peer),
    Known(Identity),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Unnamed(Peer(address)) => write!(f, "{address}"),
            Caller::Known(Identity::Token { name, .. }) => write!(f, "token {name}"),
            Caller::Known(Identity::Visitor { signed_by, .. }) => {
                write!(f, "a visitor, by {signed_by}")
            }
        }
    }
}
