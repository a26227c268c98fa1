//! Topic files: one line a record, appended to and tailed.
//!
//! `<dir>/view-events.jsonl` is what the topic `view-events` is in Kafka, with one partition, and
//! byte offsets. So a file can be replayed, and a position says which bytes the state contains.
//! A last line without its newline is not a record yet.

mod dead_letters;
mod log;
mod reader;
mod tail;

#[cfg(test)]
mod tests;

pub use log::FileLog;

use super::{Positions, Running, SourceMetrics, SourceProgress, WorkerInlets};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};

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

/// Starts to read the topic files that there are in a folder, and those that will be, from given
/// positions. Makes the folder when it is missing.
///
/// # Errors
/// When the folder can't be made, or no thread can be started.
pub fn start(
    dir: &Path,
    workers: &WorkerInlets,
    positions: &Positions,
    metrics: &SourceMetrics,
    signal: &AppendSignal,
) -> io::Result<Running> {
    std::fs::create_dir_all(dir)?;
    let stop = Arc::new(AtomicBool::new(false));
    let progress = SourceProgress::default();
    let reader = reader::TopicFileReader::new(dir, workers, positions, metrics, (&progress, &stop));
    progress.found();
    metrics.connected.set(1);
    let thread = thread::Builder::new().name("files".into()).spawn(|| reader.run())?;
    // A signal has one reader, and this is the one place that sets it.
    let _ = signal.0.set(thread.thread().clone());
    Ok(Running::new(stop, vec![thread], progress))
}

/// The file of a topic.
fn path(dir: &Path, topic: &str) -> PathBuf {
    dir.join(topic).with_extension("jsonl")
}
