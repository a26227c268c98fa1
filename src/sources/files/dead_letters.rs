//! Dead letters: a file beside the topics', one JSON object a line.

use crate::sources::{DEAD_LETTERS, DeadLetter, SourceMetrics};
use prometheus::IntCounter;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes dead letters to their file.
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
    reason: &'a str,
    /// As text; what is no UTF-8 is replaced. The offset leads to the bytes.
    record: &'a str,
}

impl DeadLetterFile {
    pub(super) fn new(dir: &Path, metrics: &SourceMetrics) -> DeadLetterFile {
        DeadLetterFile {
            path: super::path(dir, DEAD_LETTERS),
            lost: metrics.dead_letters_lost.clone(),
        }
    }

    /// Writes a dead letter. One that can't be written is counted and told: the topic still has it.
    pub(super) fn write(&self, letter: &DeadLetter<'_>) {
        if let Err(error) = self.append(letter) {
            tracing::warn!(%error, file = %self.path.display(), "a dead letter could not be written");
            self.lost.inc();
        }
    }

    fn append(&self, letter: &DeadLetter<'_>) -> io::Result<()> {
        let record = String::from_utf8_lossy(letter.value.unwrap_or_default());
        let mut line = serde_json::to_vec(&Written {
            source_topic: &letter.partition.topic,
            source_partition: letter.partition.index,
            source_offset: letter.offset,
            reason: letter.reason.name(),
            record: &record,
        })?;
        line.push(b'\n');
        // Opened anew for each: they are rare, and the file may be taken away at any time.
        OpenOptions::new().create(true).append(true).open(&self.path)?.write_all(&line)
    }
}
