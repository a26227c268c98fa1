//! Topic files: one line a record, appended to and tailed.
//!
//! `<dir>/view-events.jsonl` is what the topic `view-events` is in Kafka, with one partition, and
//! byte offsets. So a file can be replayed, and a position says which bytes the state contains.
//! A last line without its newline is not a record yet.

mod tail;
mod dead_letters;
mod reader;
mod log;

#[cfg(test)]
mod tests;

pub use log::FileLog;
pub use reader::start;

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

/// The file of a topic.
fn path(dir: &Path, topic: &str) -> PathBuf {
    dir.join(topic).with_extension("jsonl")
}
