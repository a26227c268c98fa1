//! How far a partition has been read, by when its records were written.

use serde::{Deserialize, Serialize};

/// How far a partition has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The partition, or another thing that is waited for.
    pub partition: String,
    /// The hour in which the record was written that is read next, counted from the Unix epoch; or the last
    /// one that was read, if none is left.
    pub hour: u32,
    /// Whether a record is left to read.
    pub is_behind: bool,
}
