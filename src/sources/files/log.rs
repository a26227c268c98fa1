//! Appends posted events and merges to their topic files, and syncs before it acknowledges.

use super::{AppendSignal, path};
use crate::event_log::{EventLog, LogError, NewRecord, Partition, Position, Subject};
use crate::future::BoxFuture;
use crate::sources::recent_failure::RecentFailure;
use crate::sources::{now_ms, topic_of};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parser::{Scratch, says_when};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;
use tokio::sync::oneshot;

/// The most appends that may wait for the disk.
const MOST_WAITING: usize = 4096;

/// An event log of topic files. Appends that wait at the same time share one sync.
pub struct FileLog {
    appends: Option<Sender<Append>>,
    writer: Option<JoinHandle<()>>,
    failure: Arc<RecentFailure>,
}

type Appended = Result<Vec<Position>, LogError>;

struct Append {
    records: Vec<NewRecord>,
    reply: oneshot::Sender<Appended>,
}

impl FileLog {
    /// Opens the log in a folder, which is created if missing. `signal` wakes the folder's reader.
    ///
    /// # Errors
    /// When the folder can't be made, or no thread can be started.
    pub fn open(dir: &Path, signal: AppendSignal) -> io::Result<FileLog> {
        std::fs::create_dir_all(dir)?;
        let (sender, appends) = bounded(MOST_WAITING);
        let topics = Subject::ALL.map(|subject| Topic::new(dir, topic_of(subject)));
        let failure = Arc::<RecentFailure>::default();
        let scratch = Scratch::default();
        let writer = Writer { topics, appends, signal, scratch, failure: failure.clone() };
        let writer = thread::Builder::new().name("file-log".into()).spawn(|| writer.run())?;
        Ok(FileLog { appends: Some(sender), writer: Some(writer), failure })
    }
}

impl EventLog for FileLog {
    fn append(&self, records: Vec<NewRecord>) -> BoxFuture<Result<Vec<Position>, LogError>> {
        let (reply, answer) = oneshot::channel();
        let appends = self.appends.as_ref().expect("taken only when the log is dropped");
        let sent = appends.try_send(Append { records, reply });
        Box::pin(async move {
            let ended = || LogError::Unavailable("its writer has ended".into());
            match sent {
                Ok(()) => answer.await.map_err(|_| ended())?,
                Err(TrySendError::Full(_)) => {
                    Err(LogError::Unavailable("too many records wait for the disk".into()))
                }
                Err(TrySendError::Disconnected(_)) => Err(ended()),
            }
        })
    }

    fn writable(&self) -> Result<(), String> {
        if self.writer.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err("the file log's writer has ended".into());
        }
        self.failure.check(Instant::now())
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        drop(self.appends.take());
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the file log's writer has panicked");
        }
    }
}

struct Writer {
    topics: [Topic; 4],
    appends: Receiver<Append>,
    signal: AppendSignal,
    scratch: Scratch,
    failure: Arc<RecentFailure>,
}

impl Writer {
    /// Writes until the log is dropped and no append waits.
    fn run(mut self) {
        while let Ok(first) = self.appends.recv() {
            let mut appends = vec![first];
            appends.extend(self.appends.try_iter().take(MOST_WAITING));
            self.commit(appends);
            self.signal.notify();
        }
    }

    /// Writes and syncs several appends at once, then answers each.
    fn commit(&mut self, appends: Vec<Append>) {
        let staged: Vec<Vec<(Subject, u64)>> = appends
            .iter()
            .map(|append| append.records.iter().map(|record| self.stage(record)).collect())
            .collect();
        let bases = self.topics.each_mut().map(|topic| topic.write().map_err(|e| e.to_string()));
        match bases.iter().find_map(|base| base.as_ref().err()) {
            Some(error) => self.failure.failed(format!("a topic file was not written: {error}")),
            None => self.failure.succeeded(),
        }
        for (append, staged) in appends.into_iter().zip(staged) {
            let position = |(subject, within): (Subject, u64)| {
                let base =
                    bases[subject.index()].as_ref().map_err(|e| LogError::Unavailable(e.clone()));
                let offset = i64::try_from(base? + within).unwrap_or(i64::MAX);
                let partition = Partition { topic: topic_of(subject).into(), index: 0 };
                Ok(Position { partition, offset })
            };
            // The receiver is gone if the request was given up.
            let _ = append.reply.send(staged.into_iter().map(position).collect());
        }
    }

    /// Stages a record. A line has no time of its own, so an event without a `timestamp` gets the
    /// present; else it would have another time at every reading of the file.
    fn stage(&mut self, record: &NewRecord) -> (Subject, u64) {
        let topic = &mut self.topics[record.subject.index()];
        let rest = record.json.trim_ascii_start().strip_prefix(b"{");
        let place = match rest.filter(|_| !says_when(&record.json, &mut self.scratch)) {
            Some(rest) => {
                topic.stage(&[format!("{{\"timestamp\":{},", now_ms()).as_bytes(), rest].concat())
            }
            None => topic.stage(&record.json),
        };
        (record.subject, place)
    }
}

struct Topic {
    path: PathBuf,
    file: Option<File>,
    staged: Vec<u8>,
}

impl Topic {
    fn new(dir: &Path, topic: &str) -> Topic {
        Topic { path: path(dir, topic), file: None, staged: Vec::new() }
    }

    /// Stages a line. Returns where it begins within what is staged.
    fn stage(&mut self, json: &[u8]) -> u64 {
        let begin = self.staged.len();
        // In JSON a bare newline is only ever white space between tokens.
        self.staged.extend(json.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }));
        self.staged.push(b'\n');
        begin as u64
    }

    /// Appends what is staged and syncs it. Returns the offset at which it begins.
    fn write(&mut self) -> io::Result<u64> {
        if self.staged.is_empty() {
            return Ok(0);
        }
        let staged = std::mem::take(&mut self.staged);
        // Opened again after a failure, as opening ends a torn line, and when the file was deleted.
        let file = self.file.take().filter(|file| is_at(file, &self.path));
        let mut file = file.map_or_else(|| open(&self.path), Ok)?;
        file.write_all(&staged)?;
        file.sync_data()?;
        // After an append the position is behind it, even if others append as well.
        let end = file.stream_position()?;
        self.file = Some(file);
        Ok(end - staged.len() as u64)
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(file), Ok(there)) => (file.dev(), file.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Opens a topic file to append to. A torn last line gets its newline, so that it becomes a dead
/// letter of its own and does not run into the next event.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    // Makes the folder's entry of a new file survive a crash.
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    Ok(file)
}
