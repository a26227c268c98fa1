//! A guest signs in: from then on it is known which account the guest was.

use serde::{Deserialize, Serialize};

/// A guest was an account, until a time. Both are texts, since they may have different owners.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Merge {
    /// The guest, which is a session.
    pub guest: String,
    /// The guest's events up to this time are the account's; milliseconds since the Unix epoch.
    pub time: i64,
    /// The account.
    pub account: String,
}
