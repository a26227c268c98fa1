//! Where new events and merges are written before anyone believes in them.

use crate::engine::intake::Partition;
use dataflows::record::event::Kind;
use std::pin::Pin;

/// A future that may be sent between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a record tells of, which decides its topic.
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

/// A record that has passed the parser, with the bytes that are to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRecord {
    /// Decides the topic.
    pub subject: Subject,
    /// The record's key.
    pub user: String,
    /// The record's value, as JSON.
    pub json: Vec<u8>,
}

/// Where a record was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// In which partition.
    pub partition: Partition,
    /// At which offset.
    pub offset: i64,
}

/// Why records were not stored.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log can't be reached now, or has not acknowledged in time; trying again may help.
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
