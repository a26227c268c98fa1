//! A merge: a guest signed in, so that the guest's events count for an account.

use serde::{Deserialize, Serialize};

/// A guest's events count for an account. Both are texts, since they may have different owners.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Merge {
    /// The guest: a session.
    pub guest: String,
    /// Events up to this time count for the account; in milliseconds since the Unix epoch.
    pub time: i64,
    /// The account.
    pub account: String,
}
