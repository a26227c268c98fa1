//! Writes to topic files: `<dir>/view-events.jsonl` and so on, one record a line.

use super::RecordWriter;
use crate::cli::failure::Unwritable;
use crate::cli::files::make_folder;
use crate::sources::files::{AppendError, Lines, TopicFile, path};
use crate::wall_clock::now_ms;
use anyhow::Context;
use parser::stamped;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The bytes that are buffered before they are written.
const CHUNK: u64 = 64 << 10;

/// The topic files of a folder. Only whole lines are written, so that others may append as well.
pub(super) struct TopicFiles {
    dir: PathBuf,
    files: HashMap<&'static str, (TopicFile, Lines)>,
}

impl TopicFiles {
    pub(super) fn new(dir: &Path) -> anyhow::Result<TopicFiles> {
        make_folder(dir)?;
        Ok(TopicFiles { dir: dir.into(), files: HashMap::new() })
    }
}

impl RecordWriter for TopicFiles {
    fn send(&mut self, topic: &'static str, _key: &str, value: &[u8]) -> anyhow::Result<()> {
        let file = || (TopicFile::new(path(&self.dir, topic)), Lines::default());
        let (file, lines) = self.files.entry(topic).or_insert_with(file);
        lines.push(&stamped(value, now_ms()));
        if lines.len() >= CHUNK { written(&self.dir, flush(file, lines)) } else { Ok(()) }
    }

    fn wait(&mut self, time: Duration) -> anyhow::Result<()> {
        if !time.is_zero() {
            let flushed = self.files.values_mut().try_for_each(|(file, lines)| flush(file, lines));
            written(&self.dir, flushed)?;
            std::thread::park_timeout(time);
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        let synced = self.files.values_mut().try_for_each(|(file, lines)| {
            flush(file, lines)?;
            file.sync()
        });
        written(&self.dir, synced)
    }
}

fn written(dir: &Path, result: Result<(), AppendError>) -> anyhow::Result<()> {
    result.with_context(|| Unwritable::path(dir))
}

fn flush(file: &mut TopicFile, lines: &mut Lines) -> Result<(), AppendError> {
    if !lines.is_empty() {
        file.append(lines)?;
        lines.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parser::Written;

    #[test]
    fn records_are_lines_of_the_topics_files() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut files = TopicFiles::new(dir.path()).unwrap();
            files.send("view-events", "user1", br#"{"product":"p"}"#).unwrap();
            files.finish().unwrap();
        }
        let lines = std::fs::read_to_string(dir.path().join("view-events.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), 2, "{lines}");
        for line in lines.lines() {
            assert!(line.ends_with(r#","product":"p"}"#), "{line}");
            assert!(matches!(Written::of_line(line.as_bytes(), 0), Written::At(_)), "{line}");
        }
    }
}
