//! Writes made-up and replayed records to Kafka topics, or to topic files.

mod files;
mod kafka;
mod open;

pub(super) use open::open;

use std::time::Duration;

/// Writes records to topics.
pub(super) trait RecordWriter {
    /// Writes a record, which may be buffered.
    fn send(&mut self, topic: &'static str, key: &str, value: &[u8]) -> anyhow::Result<()>;
    /// Waits for about this time, and writes what is buffered meanwhile.
    fn wait(&mut self, time: Duration) -> anyhow::Result<()>;
    /// Returns when all records are stored.
    fn finish(&mut self) -> anyhow::Result<()>;
}
