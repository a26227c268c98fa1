//! Where made-up and replayed records go: Kafka topics, or topic files.

mod files;
mod kafka;
mod open;

pub(super) use open::open;

use std::time::Duration;

/// Takes the records that are made.
pub(super) trait RecordWriter {
    /// Takes a record; may keep it a little.
    fn send(&mut self, topic: &'static str, key: &str, value: &[u8]) -> anyhow::Result<()>;
    /// Gets on with what was kept, for about so long.
    fn wait(&mut self, time: Duration) -> anyhow::Result<()>;
    /// Completes when everything is stored.
    fn finish(&mut self) -> anyhow::Result<()>;
}
