//! Writes to topic files: `<dir>/view-events.jsonl` and so on, one record a line.

use super::RecordWriter;
use anyhow::Context;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The bytes that are buffered before they are written.
const CHUNK: usize = 64 << 10;

/// The topic files of a folder. Only whole lines are written, so that others may append as well.
pub(super) struct TopicFiles {
    dir: PathBuf,
    files: HashMap<&'static str, (File, Vec<u8>)>,
}

impl TopicFiles {
    pub(super) fn new(dir: &Path) -> anyhow::Result<TopicFiles> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(TopicFiles { dir: dir.into(), files: HashMap::new() })
    }
}

impl RecordWriter for TopicFiles {
    fn send(&mut self, topic: &'static str, _key: &str, value: &[u8]) -> anyhow::Result<()> {
        if !self.files.contains_key(topic) {
            let path = self.dir.join(format!("{topic}.jsonl"));
            let file = OpenOptions::new().create(true).append(true).open(&path);
            let file = file.with_context(|| format!("cannot open {}", path.display()))?;
            self.files.insert(topic, (file, Vec::new()));
        }
        let (file, lines) = self.files.get_mut(topic).expect("it was put there");
        lines.extend_from_slice(value);
        lines.push(b'\n');
        if lines.len() >= CHUNK { flush(file, lines) } else { Ok(()) }
    }

    fn wait(&mut self, time: Duration) -> anyhow::Result<()> {
        if !time.is_zero() {
            self.files.values_mut().try_for_each(|(file, lines)| flush(file, lines))?;
            std::thread::park_timeout(time);
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.files.values_mut().try_for_each(|(file, lines)| {
            flush(file, lines)?;
            Ok(file.sync_all()?)
        })
    }
}

fn flush(file: &mut File, lines: &mut Vec<u8>) -> anyhow::Result<()> {
    if !lines.is_empty() {
        file.write_all(lines).context("cannot write to a topic file")?;
        lines.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_lines_of_the_topics_files() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut files = TopicFiles::new(dir.path()).unwrap();
            files.send("view-events", "user1", b"{}").unwrap();
            files.finish().unwrap();
        }
        assert_eq!(std::fs::read(dir.path().join("view-events.jsonl")).unwrap(), b"{}\n{}\n");
    }
}
