//! What the processes of a cluster tell each other through the dataflow.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where an engine goes on reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// The next offset of each partition, as far as its records are in what the views begin with.
    pub positions: BTreeMap<String, i64>,
    /// The ids of the topics that these are offsets of, as far as topics have ids.
    pub topics: BTreeMap<String, String>,
    /// The digest of the profiles that the views begin with, if they begin with any.
    pub profiles: Option<String>,
}

/// What the first process tells all workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announcement {
    /// Before anything else: where reading goes on.
    Begun(Beginning),
    /// All processes have read what was there when they began.
    CaughtUp,
    /// Records are lost that some processes were to read: which, for a person, by process.
    Lost(BTreeMap<usize, String>),
    /// All changes up to now are to be given; the text comes back with them.
    Cut(String),
    /// The cluster ends, and nothing more is to be stored.
    Ended,
}

/// What a process tells the first one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// A process has read what was there when it began.
    CaughtUp(usize),
    /// Records are lost that a process was to read: which, for a person.
    Lost(usize, String),
    /// Something about storing.
    Stored(String),
}
