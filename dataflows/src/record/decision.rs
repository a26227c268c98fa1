//! A decision: what was said of a user, by which events count for another user, or for nobody.

use serde::{Deserialize, Serialize};

/// Until a time a user was another one (a merge), or nobody (a forget). All names are texts, since they may
/// have different owners.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decision {
    /// The user.
    pub user: String,
    /// The user's events up to this time are meant; in milliseconds since the Unix epoch.
    pub time: i64,
    /// The user for whom they count, or `None` for nobody.
    pub account: Option<String>,
    /// The hour in which the decision was written, counted from the Unix epoch.
    pub recorded: u32,
}
