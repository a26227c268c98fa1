//! The durable log of events and merges: new ones are stored here first, and the engine learns of them
//! by reading it.

use crate::future::BoxFuture;
use dataflows::record::event::Kind;
use std::sync::Arc;

/// One partition of a topic, or the single one of a topic file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub index: i32,
}

impl Partition {
    /// The partition's name in the dataflow: `topic/index`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.topic, self.index)
    }
}

/// The subject of a record, which decides its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An event of a kind.
    Event(Kind),
    /// A guest that has signed in.
    Merge,
}

impl Subject {
    /// All subjects, each at its [`Subject::index`].
    pub const ALL: [Subject; 4] = [
        Subject::Event(Kind::View),
        Subject::Event(Kind::AddToCart),
        Subject::Event(Kind::Purchase),
        Subject::Merge,
    ];

    /// The subject's place in [`Subject::ALL`].
    pub fn index(self) -> usize {
        match self {
            Subject::Event(kind) => kind.index(),
            Subject::Merge => Kind::ALL.len(),
        }
    }
}

impl From<Kind> for Subject {
    fn from(kind: Kind) -> Subject {
        Subject::Event(kind)
    }
}

/// A record that has passed the parser, with the bytes to store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRecord {
    /// Decides the topic.
    pub subject: Subject,
    /// The record's key.
    pub user: String,
    /// The record's value, as JSON.
    pub json: Vec<u8>,
}

/// The place where a record was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: Partition,
    /// The offset within it.
    pub offset: i64,
}

/// Why records were not stored.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log can't be reached, or has not acknowledged in time; another try may help.
    #[error("the event log did not acknowledge: {0}")]
    Unavailable(String),
    /// The log refuses the records.
    #[error("the event log refused: {0}")]
    Refused(String),
}

/// A durable log of records: Kafka with `acks=all`, or topic files with `fsync`.
pub trait EventLog: Send + Sync {
    /// Stores records in order and answers once all are durable.
    fn append(&self, records: Vec<NewRecord>) -> BoxFuture<Result<Vec<Position>, LogError>>;

    /// Tells whether records can be stored now, as far as is known without storing one. Answers at
    /// once.
    ///
    /// # Errors
    /// The reason why they cannot, for a person.
    fn writable(&self) -> Result<(), String>;
}
