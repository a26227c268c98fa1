//! Topic files: each holds one topic, one record a line, and is tailed as it grows.
//!
//! `<dir>/view-events.jsonl` stands for Kafka's topic `view-events` with one partition, whose
//! offsets are bytes. So a position tells which bytes of the file the state contains. A last line
//! without its newline is not a record yet.

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

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// Wakes the reader of topic files at once when this process itself has appended to one.
#[derive(Clone, Default)]
pub struct AppendSignal(Arc<OnceLock<Thread>>);

impl AppendSignal {
    fn notify(&self) {
        if let Some(reader) = self.0.get() {
            reader.unpark();
        }
    }
}

/// Returns the path of a topic's file.
pub fn path(dir: &Path, topic: &str) -> PathBuf {
    dir.join(topic).with_extension("jsonl")
}
