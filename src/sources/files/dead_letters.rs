//! Writes dead letters to a file beside the topics', one JSON object a line.

use super::topic_file::{Lines, TopicFile};
use crate::metrics::SourceMetrics;
use crate::sources::{DEAD_LETTERS, DeadLetter};
use prometheus::IntCounter;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The file of dead letters.
pub(super) struct DeadLetterFile {
    path: PathBuf,
    lost: IntCounter,
}

/// A dead letter as it is written.
#[derive(Serialize)]
struct Written<'a> {
    source_topic: &'a str,
    source_partition: i32,
    source_offset: i64,
    source_length: usize,
    reason: &'a str,
    details: &'a str,
    /// The record as text, with U+FFFD for bytes that are not UTF-8. Its own bytes are at the
    /// offset.
    record: &'a str,
}

impl DeadLetterFile {
    pub(super) fn new(dir: &Path, metrics: &SourceMetrics) -> DeadLetterFile {
        DeadLetterFile {
            path: super::path(dir, DEAD_LETTERS),
            lost: metrics.dead_letters_lost.clone(),
        }
    }

    /// Appends a dead letter. A failure is logged and counted, and goes no further: the topic still
    /// has the record.
    pub(super) fn write(&self, letter: &DeadLetter<'_>) {
        if let Err(error) = self.append(letter) {
            let (topic, offset) = (&letter.partition.topic, letter.offset);
            let file = self.path.display();
            tracing::warn!(%error, %file, %topic, offset, "a dead letter could not be written");
            self.lost.inc();
        }
    }

    fn append(&self, letter: &DeadLetter<'_>) -> anyhow::Result<()> {
        let record = String::from_utf8_lossy(letter.value.unwrap_or_default());
        let mut lines = Lines::default();
        lines.push(&serde_json::to_vec(&Written {
            source_topic: &letter.partition.topic,
            source_partition: letter.partition.index,
            source_offset: letter.offset,
            source_length: letter.length,
            reason: letter.reason.name(),
            details: &letter.details(),
            record: &record,
        })?);
        // Opened for each: they are rare.
        TopicFile::new(self.path.clone()).append(&lines)?;
        Ok(())
    }
}
