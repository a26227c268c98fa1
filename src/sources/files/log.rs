//! Appends posted events, merges, forgets and catalogue rows to their topic files, and syncs before it acknowledges.

use super::topic_file::{AppendError, Lines, TopicFile, append};
use super::{AppendSignal, path};
use crate::event_log::{
    EventLog, LogError, NewRecord, OutcomeSender, Outcomes, Partition, Position, Subject,
};
use crate::sources::recent_failure::RecentFailure;
use crate::wall_clock::now_ms;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parser::stamped;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// The most appends that may wait for the disk.
const MOST_WAITING: usize = 4096;

/// An event log of topic files. Appends that wait at the same time share one sync.
pub struct FileLog {
    appends: Option<Sender<Append>>,
    writer: Option<JoinHandle<()>>,
    failure: Arc<RecentFailure>,
}

struct Append {
    records: Vec<NewRecord>,
    sender: OutcomeSender,
}

impl Append {
    fn tell_all(&self, error: &LogError) {
        (0..self.records.len()).for_each(|index| self.sender.tell(index, Err(error.clone())));
    }
}

impl FileLog {
    /// Opens the log in a folder, which is created if missing. `signal` connects it with the folder's reader.
    ///
    /// # Errors
    /// When the folder can't be made, or no thread can be started.
    pub fn open(dir: &Path, signal: AppendSignal) -> io::Result<FileLog> {
        std::fs::create_dir_all(dir)?;
        let (sender, appends) = bounded(MOST_WAITING);
        let topics = Subject::ALL.map(|subject| {
            TopicFile::beside_reader(path(dir, subject.topic()), signal.read.clone())
        });
        let failure = Arc::<RecentFailure>::default();
        let writer = Writer { topics, appends, signal, failure: failure.clone() };
        let writer = thread::Builder::new().name("file-log".into()).spawn(|| writer.run())?;
        Ok(FileLog { appends: Some(sender), writer: Some(writer), failure })
    }
}

impl EventLog for FileLog {
    fn append(&self, records: Vec<NewRecord>) -> Outcomes {
        let (sender, outcomes) = Outcomes::of(records.len());
        let appends = self.appends.as_ref().expect("taken only when the log is dropped");
        let (append, why) = match appends.try_send(Append { records, sender }) {
            Ok(()) => return outcomes,
            Err(TrySendError::Full(append)) => (append, "too many records wait for the disk"),
            Err(TrySendError::Disconnected(append)) => (append, "its writer has ended"),
        };
        append.tell_all(&LogError::Unavailable(why.into()));
        outcomes
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
    topics: [TopicFile; Subject::ALL.len()],
    appends: Receiver<Append>,
    signal: AppendSignal,
    failure: Arc<RecentFailure>,
}

impl Writer {
    /// Writes until the log is dropped and no append waits.
    fn run(mut self) {
        while let Ok(first) = self.appends.recv() {
            let mut appends = vec![first];
            appends.extend(self.appends.try_iter().take(MOST_WAITING));
            self.commit(&appends);
            self.signal.notify();
        }
    }

    /// Writes and syncs several appends at once, then tells the outcomes of each.
    fn commit(&mut self, appends: &[Append]) {
        let mut lines: [Lines; Subject::ALL.len()] = Default::default();
        let records = appends.iter().flat_map(|append| &append.records);
        let places: Vec<u64> = records.map(|record| Writer::stage(record, &mut lines)).collect();
        let offsets = match self.write(&lines) {
            Ok(offsets) => offsets,
            // One of them may be too large for what the disk has left, and the others not.
            Err(AppendError::NotStored(_)) if appends.len() > 1 => {
                return appends.iter().for_each(|append| self.commit(std::slice::from_ref(append)));
            }
            Err(error) => {
                self.failure.failed(error.to_string());
                let error = match error {
                    AppendError::NotStored(_) => LogError::Unavailable(error.to_string()),
                    AppendError::Unknown(_) => LogError::Unknown(error.to_string()),
                };
                return appends.iter().for_each(|append| append.tell_all(&error));
            }
        };
        self.failure.succeeded();
        let mut places = places.into_iter();
        for Append { records, sender } in appends {
            for ((index, record), place) in records.iter().enumerate().zip(&mut places) {
                let topic = record.subject.index();
                let offset = i64::try_from(offsets[topic] + place).unwrap_or(i64::MAX);
                let partition = Partition { topic: record.subject.topic().into(), index: 0 };
                sender.tell(index, Ok(Position { partition, offset }));
            }
        }
    }

    /// Writes lines to their topics' files, to all or to none, and syncs. Returns the offsets at
    /// which they begin.
    fn write(
        &mut self,
        lines: &[Lines; Subject::ALL.len()],
    ) -> Result<[u64; Subject::ALL.len()], AppendError> {
        let offsets = append(self.topics.each_mut(), lines.each_ref())?;
        for (topic, lines) in self.topics.iter_mut().zip(lines) {
            if !lines.is_empty() {
                topic.sync()?;
            }
        }
        Ok(offsets)
    }

    /// Adds a record to the lines of its topic, with the time. Returns its place there.
    fn stage(record: &NewRecord, lines: &mut [Lines; Subject::ALL.len()]) -> u64 {
        lines[record.subject.index()].push(&stamped(&record.json, now_ms()))
    }
}
