//! Writes dead letters to a file beside the topics', one JSON object a line.

use super::topic_file::{Lines, TopicFile};
use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::sources::written_letters::{WrittenLetters, content};
use crate::sources::{DEAD_LETTERS, DeadLetter, Positions};
use prometheus::IntCounter;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// The file of dead letters.
pub(super) struct DeadLetterFile {
    path: PathBuf,
    /// Those of earlier runs.
    written: WrittenLetters,
    lost: IntCounter,
}

/// A dead letter as it is written.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    source_topic: Cow<'a, str>,
    source_partition: i32,
    source_offset: i64,
    source_length: usize,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    details: Cow<'a, str>,
    /// The record as text, with U+FFFD for bytes that are not UTF-8. Its own bytes are at the
    /// offset.
    #[serde(borrow)]
    record: Cow<'a, str>,
}

impl DeadLetterFile {
    /// Opens it, for records from these positions on.
    pub(super) fn new(
        dir: &Path,
        metrics: &SourceMetrics,
        positions: &Positions,
    ) -> DeadLetterFile {
        let path = super::path(dir, DEAD_LETTERS);
        let written = there(&path, positions);
        DeadLetterFile { path, written, lost: metrics.dead_letters_lost.clone() }
    }

    /// Appends a dead letter, unless it is there. A failure is logged and counted, and goes no further: the topic still
    /// has the record.
    pub(super) fn write(&mut self, letter: &DeadLetter<'_>, details: &str) {
        if let Err(error) = self.append(letter, details) {
            let (topic, offset) = (&letter.partition.topic, letter.offset);
            let file = self.path.display();
            tracing::warn!(%error, %file, %topic, offset, "a dead letter could not be written");
            self.lost.inc();
        }
    }

    fn append(&mut self, letter: &DeadLetter<'_>, details: &str) -> anyhow::Result<()> {
        let record = String::from_utf8_lossy(letter.value.unwrap_or_default());
        let content = content(None, Some(record.as_bytes()));
        if self.written.take(letter.partition, letter.offset, content) {
            return Ok(());
        }
        let mut lines = Lines::default();
        lines.push(&serde_json::to_vec(&Written {
            source_topic: Cow::Borrowed(&*letter.partition.topic),
            source_partition: letter.partition.index,
            source_offset: letter.offset,
            source_length: letter.length,
            reason: letter.reason.name().into(),
            details: details.into(),
            record,
        })?);
        // Opened for each: they are rare.
        TopicFile::new(self.path.clone()).append(&lines)?;
        Ok(())
    }
}

/// The letters that are in a file. What is no letter there is passed over.
fn there(path: &Path, positions: &Positions) -> WrittenLetters {
    let mut letters = WrittenLetters::default();
    // There is no file until there is a letter.
    let Ok(file) = File::open(path) else { return letters };
    let (mut file, mut line) = (BufReader::new(file), Vec::new());
    while file.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if let Ok(Written { source_topic, source_partition, source_offset, record, .. }) =
            serde_json::from_slice(&line)
        {
            let partition = Partition { topic: source_topic.into(), index: source_partition };
            let content = content(None, Some(record.as_bytes()));
            letters.add((partition, source_offset), content, positions);
        }
        line.clear();
    }
    letters
}
