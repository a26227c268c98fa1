//! Topic files: each holds one topic, one record a line, and is tailed as it grows.
//!
//! `<dir>/view-events.jsonl` stands for Kafka's topic `view-events` with one partition, whose
//! offsets are bytes. So a position tells which bytes of the file the state contains. A last line
//! without its newline is not a record yet.

mod read_files;
mod topic_file;
mod tail;
mod dead_letters;
mod reader;
mod log;

#[cfg(test)]
mod tests;

pub use log::FileLog;
pub use reader::start;
pub use topic_file::{AppendError, Lines, TopicFile};

use read_files::ReadFiles;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// Connects the reader of topic files and the log: the reader wakes at once when the log has appended, and
/// the log appends to nothing but the files that are read.
#[derive(Clone, Default)]
pub struct AppendSignal {
    reader: Arc<OnceLock<Thread>>,
    read: ReadFiles,
}

impl AppendSignal {
    fn notify(&self) {
        if let Some(reader) = self.reader.get() {
            reader.unpark();
        }
    }
}

/// Returns the path of a topic's file.
pub fn path(dir: &Path, topic: &str) -> PathBuf {
    dir.join(topic).with_extension("jsonl")
}
