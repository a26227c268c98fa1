//! Where new events are written before anyone believes in them.

use crate::engine::intake::Partition;
use dataflows::event::Kind;
use std::pin::Pin;

/// A future that may be sent between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An event that has passed the parser, with the bytes that are to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Decides the topic.
    pub kind: Kind,
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

/// Why events were not stored.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log can't be reached now, or has not acknowledged in time; trying again may help.
    #[error("the event log did not acknowledge: {0}")]
    Unavailable(String),
    /// The log refuses the events.
    #[error("the event log refused: {0}")]
    Refused(String),
}

/// A durable log of events: Kafka with `acks=all`, or topic files with `fsync`.
pub trait EventLog: Send + Sync {
    /// Stores events in order and answers once all are durable.
    fn append(&self, events: Vec<NewEvent>) -> BoxFuture<Result<Vec<Position>, LogError>>;
}
