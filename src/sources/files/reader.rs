//! Reads the topic files of all workers of this process, in turn, on one thread.

use super::dead_letters::DeadLetterFile;
use super::read_files::ReadFiles;
use super::tail::{Growth, Line, Tail, TailError};
use super::{AppendSignal, path};
use crate::engine::OldestHour;
use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::source_health::{SourceHealth, Trouble};
use crate::sources::batch_sender::BatchSender;
use crate::sources::history::HistorySpan;
use crate::sources::hours_read::HoursRead;
use crate::sources::partition_errors::PartitionErrors;
use crate::sources::partition_lag::PartitionLag;
use crate::sources::record_batch::Record;
use crate::sources::{DeadLetter, Feed, Positions, Running, SourceProgress, TOPICS, WorkerInlets};
use crate::wall_clock::now_ms;
use parser::{Reason, Written};
use prometheus::IntCounter;
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

/// The longest sleep when nothing is new. An append by this process ends it at once.
const NAP: Duration = Duration::from_millis(20);

/// The sleep while a file waits for others.
const STEP_NAP: Duration = Duration::from_millis(2);

/// The time after which files are checked again for having been replaced, and for standing still.
const CHECK: Duration = Duration::from_secs(1);

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
    progress: SourceProgress,
) -> io::Result<Running> {
    std::fs::create_dir_all(dir)?;
    let stop = Arc::new(AtomicBool::new(false));
    let reader =
        TopicFileReader::new(dir, workers, positions, metrics, &signal.read, (&progress, &stop));
    progress.all_counted();
    metrics.connected.set(1);
    let thread = thread::Builder::new().name("files".into()).spawn(|| reader.run())?;
    // A signal has one reader, which is set here and nowhere else.
    let _ = signal.reader.set(thread.thread().clone());
    Ok(Running::new(stop, vec![thread], progress))
}

/// The reader of a process's topic files.
pub(super) struct TopicFileReader {
    senders: Vec<BatchSender>,
    files: Vec<TopicFile>,
    /// What no file is read far ahead of.
    oldest: OldestHour,
    dead_letters: DeadLetterFile,
    read: ReadFiles,
    metrics: SourceMetrics,
    progress: SourceProgress,
}

/// A line that waits.
struct HeldLine {
    bytes: Vec<u8>,
    too_long: bool,
    offset: i64,
    after: i64,
}

impl HeldLine {
    fn of(&Line { bytes, too_long, offset, after }: &Line<'_>) -> HeldLine {
        HeldLine { bytes: bytes.to_vec(), too_long, offset, after }
    }

    fn line(&self) -> Line<'_> {
        let &HeldLine { ref bytes, too_long, offset, after } = self;
        Line { bytes, too_long, offset, after }
    }
}

/// A topic file that one of this process's workers reads.
struct TopicFile {
    /// Index of the worker that reads it, among this process's.
    worker: usize,
    partition: Partition,
    feed: Feed,
    path: PathBuf,
    tail: Tail,
    next: i64,
    /// The file's length when reading began, until all up to there has been handed over.
    target: Option<u64>,
    history: HistorySpan,
    hours: HoursRead,
    /// Lines that were read, and wait for other files.
    held: VecDeque<HeldLine>,
    events: IntCounter,
    lag: PartitionLag,
    reads: PartitionErrors,
    look_ups: PartitionErrors,
}

impl TopicFileReader {
    pub(super) fn new(
        dir: &Path,
        workers: &WorkerInlets,
        positions: &Positions,
        metrics: &SourceMetrics,
        read: &ReadFiles,
        (progress, stop): (&SourceProgress, &Arc<AtomicBool>),
    ) -> TopicFileReader {
        let senders = 0..workers.inlets.len();
        let mut senders: Vec<_> =
            senders.map(|index| BatchSender::new(workers, index, metrics, stop.clone())).collect();
        let files = TOPICS.into_iter().filter_map(|(topic, feed)| {
            let partition = Partition { topic: topic.into(), index: 0 };
            let worker = workers.reader_of(&partition)?;
            let file =
                TopicFile::new(dir, worker, partition, feed, positions, metrics, progress.health());
            if file.target.is_some() {
                progress.one_behind(&file.history);
            }
            senders[worker].reached(Some(file.hours.begin()));
            Some(file)
        });
        let files = files.collect();
        senders.iter_mut().for_each(BatchSender::all_known);
        let dead_letters = DeadLetterFile::new(dir, metrics, positions);
        TopicFileReader {
            senders,
            files,
            oldest: workers.oldest.clone(),
            dead_letters,
            read: read.clone(),
            metrics: metrics.clone(),
            progress: progress.clone(),
        }
    }

    /// Reads until it is stopped, a worker has ended, or a file is not the one that was read.
    pub(super) fn run(mut self) {
        let mut checked = Instant::now();
        while !self.senders.iter().any(BatchSender::stopped) {
            if checked.elapsed() >= CHECK {
                checked = Instant::now();
                if self.check().is_break() {
                    break;
                }
            }
            match self.round() {
                ControlFlow::Continue(true) => (),
                ControlFlow::Continue(false) => {
                    let waits = self.files.iter().any(|file| !file.held.is_empty());
                    thread::park_timeout(if waits { STEP_NAP } else { NAP });
                }
                ControlFlow::Break(()) => break,
            }
        }
    }

    /// Reads on a little in each file. Returns whether anything was new.
    fn round(&mut self) -> ControlFlow<(), bool> {
        let mut more = false;
        for file in &mut self.files {
            let sender = &mut self.senders[file.worker];
            let outputs = (sender, &mut self.dead_letters, &self.metrics, &self.progress);
            let growth = file.read(outputs, self.oldest.get())?;
            if matches!(growth, Ok(Growth::Grew)) {
                file.tell(&self.read);
            }
            let growth = file.note(growth, |file| &mut file.reads, &self.progress)?;
            more |= growth == Some(Growth::Grew);
        }
        for sender in &mut self.senders {
            sender.flush()?;
        }
        for file in &mut self.files {
            let is_read = |target| file.held.is_empty() && file.tail.reached() >= target;
            if file.target.is_some_and(is_read) {
                file.target = None;
                self.progress.one_caught_up(&mut file.history);
            }
        }
        ControlFlow::Continue(more)
    }

    /// Checks that no file was replaced or stands still.
    fn check(&mut self) -> ControlFlow<()> {
        for file in &mut self.files {
            let checked = file.tail.check();
            file.note(checked, |file| &mut file.look_ups, &self.progress)?;
            file.measure();
        }
        ControlFlow::Continue(())
    }
}

impl TopicFile {
    fn new(
        dir: &Path,
        worker: usize,
        partition: Partition,
        feed: Feed,
        positions: &Positions,
        metrics: &SourceMetrics,
        health: &SourceHealth,
    ) -> TopicFile {
        let path = path(dir, &partition.topic);
        let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let next = positions.get(&partition).copied().unwrap_or(0);
        let start = u64::try_from(next).ok().filter(|&next| next <= length).unwrap_or_else(|| {
            tracing::warn!(
                ?partition, next, length,
                "the topic file no longer has the offset to go on from; reading it from its beginning"
            );
            0
        });
        TopicFile {
            worker,
            feed,
            tail: Tail::new(path.clone(), start),
            path,
            next,
            target: (start < length).then_some(length),
            history: HistorySpan::new(offset(start), offset(length)),
            hours: HoursRead::new(&partition, start < length),
            held: VecDeque::new(),
            events: metrics.events.with_label_values(&[&*partition.topic]),
            lag: PartitionLag::new(&partition, metrics, health),
            reads: PartitionErrors::new(&partition, Trouble::Read, metrics, health),
            look_ups: PartitionErrors::new(&partition, Trouble::LookUp, metrics, health),
            partition,
        }
    }

    /// Reads on a little, but not far ahead of the oldest hour that is still to be read.
    fn read(
        &mut self,
        (sender, dead_letters, metrics, progress): (
            &mut BatchSender,
            &mut DeadLetterFile,
            &SourceMetrics,
            &SourceProgress,
        ),
        oldest: u32,
    ) -> ControlFlow<(), Result<Growth, TailError>> {
        let TopicFile { partition, feed, next, events, target, history, hours, held, .. } = self;
        let replayed_to = target.and_then(|target| i64::try_from(target).ok());
        let (now, mut flow) = (now_ms(), ControlFlow::Continue(()));
        // Takes a line, unless it is to wait.
        let mut takes = |line: &Line<'_>| {
            if flow.is_break() {
                return true;
            }
            let is_replayed = replayed_to.is_some_and(|end| line.offset < end);
            let written = Written::of_line(line.bytes, now);
            sender.reached(hours.read(written, now));
            if hours.is_ahead(oldest) {
                return false;
            }
            match take(*feed, line, is_replayed, written, sender) {
                Ok(()) => {
                    let records = u64::from(!line.is_blank());
                    events.inc_by(records);
                    progress.read(history, line.after, records);
                }
                Err(reason) => {
                    let (offset, value) = (line.offset, Some(line.bytes));
                    let (feed, key, length) = (*feed, None, line.length());
                    let letter = DeadLetter { partition, feed, offset, key, value, length, reason };
                    let details = letter.note(metrics, progress.health());
                    dead_letters.write(&letter, &details);
                }
            }
            flow = sender.advance(partition, line.after - *next);
            *next = line.after;
            true
        };
        while let Some(line) = held.pop_front_if(|line| takes(&line.line())) {
            drop(line);
        }
        let growth = if held.is_empty() {
            self.tail.read(|line| {
                if !held.is_empty() || !takes(line) {
                    held.push_back(HeldLine::of(line));
                }
            })
        } else {
            Ok(Growth::Unchanged)
        };
        flow?;
        if held.is_empty() && matches!(growth, Ok(Growth::Unchanged)) {
            sender.reached(hours.reached_end());
        }
        if matches!(growth, Ok(Growth::Grew)) {
            self.measure();
        }
        ControlFlow::Continue(growth)
    }

    /// Tells the log which file is read, and how far.
    fn tell(&self, read: &ReadFiles) {
        if let Some(Ok(file)) = self.tail.file().map(std::fs::File::metadata) {
            read.note(&self.path, &file, self.tail.reached());
        }
    }

    fn measure(&mut self) {
        let read_to = self.tail.reached();
        let end = offset(read_to + self.tail.behind());
        self.lag.measure(offset(read_to), (0, end), Instant::now());
    }

    /// Handles the outcome of a look at the file: `errors` are those of this kind of look. One that
    /// failed is noted, and tried again; but a file that is not the one that was read ends the source:
    /// what it still holds would be counted twice.
    fn note<T>(
        &mut self,
        outcome: Result<T, TailError>,
        errors: impl Fn(&mut TopicFile) -> &mut PartitionErrors,
        progress: &SourceProgress,
    ) -> ControlFlow<(), Option<T>> {
        let next = self.next;
        match outcome {
            Ok(seen) => {
                errors(self).succeeded(next);
                ControlFlow::Continue(Some(seen))
            }
            Err(TailError::Changed(changed)) => {
                progress.fail(format!("the topic file {}: {changed}", self.path.display()));
                ControlFlow::Break(())
            }
            Err(TailError::Io(error)) => {
                errors(self).failed(next, error);
                ControlFlow::Continue(None)
            }
        }
    }
}

fn offset(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn take(
    feed: Feed,
    line: &Line<'_>,
    is_replayed: bool,
    written: Written,
    sender: &mut BatchSender,
) -> Result<(), Reason> {
    if line.too_long {
        return Err(Reason::TooLarge);
    }
    if line.is_blank() {
        return Ok(());
    }
    let record = Record { key: None, value: Some(line.bytes), written, is_replayed };
    sender.take(feed, &record)
}
