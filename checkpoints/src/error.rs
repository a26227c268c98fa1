//! What can go wrong, and why an object is refused.

use crate::hex::RunId;
use std::fmt;
use thiserror::Error;

/// A checkpoint could not be written, read, listed or deleted.
#[derive(Debug, Error)]
pub enum Error {
    /// The URL names no folder or bucket that can be opened.
    #[error("{url} is no place for checkpoints: {reason}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A place that is to get a copy has something already.
    #[error("{url} is not empty")]
    Occupied {
        /// As it was given.
        url: String,
    },
    /// The store refused or did not answer. What is there may be whole.
    #[error("{url}: {object} cannot be {done}")]
    Store {
        /// Of the store.
        url: String,
        /// The path of the object below the URL, or the folder that was listed.
        object: String,
        /// Such as "read".
        done: &'static str,
        /// What the store says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object is not what it should be.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// There are checkpoints, and none that can be restored.
    #[error("{url}: none of the checkpoints can be used: {}", list(refused))]
    NoneUsable {
        /// Of the store.
        url: String,
        /// Why, from the newest to the oldest.
        refused: Vec<Refusal>,
    },
    /// Another run goes on from here: this one must end.
    #[error("run {run} holds number {number}, so this one must end")]
    Fenced {
        /// The other run.
        run: RunId,
        /// The number that it took.
        number: u64,
    },
    /// Rows cannot be brought into the form of a file.
    #[error("rows of the table {table} cannot be encoded or added up")]
    Rows {
        /// The name of the table.
        table: &'static str,
        /// What Arrow or Parquet says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A checkpoint would name an object that a collector may remove, because it has an older number.
    #[error("checkpoint {number} cannot name {object}, which was written for another one")]
    Stray {
        /// The number of the checkpoint.
        number: u64,
        /// The path of the segment.
        object: String,
    },
    /// What lies before a number cannot be deleted yet.
    #[error("what lies before number {number} cannot be deleted: {reason}")]
    Needed {
        /// The number.
        number: u64,
        /// Who needs it.
        reason: String,
    },
}

fn list(refused: &[Refusal]) -> String {
    refused.iter().map(Refusal::to_string).collect::<Vec<_>>().join("; ")
}

/// An object that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Refusal {
    /// The path of the object below the store's URL.
    pub object: String,
    /// What is wrong with it.
    pub reason: Reason,
}

impl Refusal {
    pub(crate) fn new(object: impl fmt::Display, reason: Reason) -> Refusal {
        Refusal { object: object.to_string(), reason }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is refused: {}", self.object, self.reason)
    }
}

/// Why an object is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// A manifest names it, and it is not there.
    #[error("it is missing")]
    Missing,
    /// It was cut off, or something was appended.
    #[error("it has {found} bytes instead of {named}")]
    Length {
        /// What the manifest says.
        named: u64,
        /// What is there.
        found: u64,
    },
    /// Its bytes are not those that were written.
    #[error("its checksum is not that of what was written")]
    Checksum,
    /// A later version wrote it.
    #[error(
        "it has format {format}, and this version reads up to {known}: start the newer version"
    )]
    TooNew {
        /// The format that it says to have.
        format: u64,
        /// The newest one that this version knows.
        known: u64,
    },
    /// An earlier version wrote it.
    #[error(
        "it has format {format}, and this version reads {known}: start the version that wrote it, or begin without \
         it by --rebuild, which reads the topics from their beginning"
    )]
    TooOld {
        /// The format that it says to have.
        format: u64,
        /// The one that this version knows.
        known: u64,
    },
    /// It is no checkpoint, or that of something else.
    #[error("it is foreign: {0}")]
    Foreign(String),
    /// It is torn, or no manifest.
    #[error("it cannot be parsed: {0}")]
    Syntax(String),
    /// It is no readable Parquet file.
    #[error("it cannot be decoded: {0}")]
    Undecodable(String),
    /// It has other rows than it should have.
    #[error("it has {found} rows instead of {named}")]
    Rows {
        /// What the manifest says.
        named: u64,
        /// What is there.
        found: u64,
    },
}
