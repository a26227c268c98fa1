//! A running source: its progress, its troubles, and its end.

use super::history::{HistoryCount, HistoryRead, HistorySpan};
use crate::source_health::SourceHealth;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The interval at which it is seen whether dead letters are written.
const LETTERS_STEP: Duration = Duration::from_millis(10);

/// Tells whether a source has read all that was there when it started. Clones share it.
#[derive(Clone, Default)]
pub struct SourceProgress(Arc<State>);

#[derive(Default)]
struct State {
    /// Whether the readers were given all partitions that were there at the start.
    found: AtomicBool,
    /// Whether all partitions have been counted.
    counted: AtomicBool,
    /// The number of partitions that have not caught up.
    behind: AtomicUsize,
    /// What keeps partitions from being found, for a person.
    obstacle: Mutex<Option<String>>,
    failure: OnceLock<String>,
    health: SourceHealth,
    /// The ids of the topics that are read, by name.
    topics: Mutex<BTreeMap<String, String>>,
    history: HistoryCount,
    /// How many dead letters were sent.
    letters_sent: AtomicU64,
    /// Of how many of them it is known what became of them.
    letters_settled: AtomicU64,
}

impl SourceProgress {
    /// Whether all that was there when the source started has been handed to the workers.
    pub fn caught_up(&self) -> bool {
        self.0.counted.load(Ordering::Acquire) && self.0.behind.load(Ordering::Acquire) == 0
    }

    /// What the source still waits for, for a person.
    pub fn awaits(&self) -> String {
        let obstacle = self.0.obstacle.lock().unwrap_or_else(PoisonError::into_inner).clone();
        obstacle.unwrap_or_else(|| match self.0.behind.load(Ordering::Acquire) {
            0 if !self.0.counted.load(Ordering::Acquire) => "partitions are looked up".into(),
            0 => "the views are to hold what was read".into(),
            behind => {
                let HistoryRead { read, length, .. } = self.history();
                let share = read * 100 / length.max(1);
                format!(
                    "{behind} partitions are not read up to where they ended at the start; {share} % is read"
                )
            }
        })
    }

    /// How much has been read of what was there when the source started.
    pub fn history(&self) -> HistoryRead {
        self.0.history.so_far()
    }

    /// The reason why reading cannot go on, if it cannot: only a new start, with empty views, can.
    pub fn failure(&self) -> Option<&str> {
        self.0.failure.get().map(String::as_str)
    }

    /// The troubles of the source's partitions.
    pub fn health(&self) -> &SourceHealth {
        &self.0.health
    }

    /// Waits until all dead letters that were sent before this call are written. False if they are not in time.
    pub fn letters_are_written(&self, patience: Duration) -> bool {
        let sent = self.0.letters_sent.load(Ordering::Acquire);
        let deadline = Instant::now() + patience;
        loop {
            if sent <= self.0.letters_settled.load(Ordering::Acquire) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::park_timeout(LETTERS_STEP);
        }
    }

    /// The ids of the topics that the offsets are of which are read, by name. Topic files have none.
    pub fn topics(&self) -> BTreeMap<String, String> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the id of a topic that is read.
    pub(super) fn reads(&self, topic: &str, id: &str) {
        let mut topics = self.0.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.insert(topic.to_owned(), id.to_owned());
    }

    /// Counts a dead letter that is about to be sent.
    pub(super) fn letter_sent(&self) {
        self.0.letters_sent.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts one of which it is known whether it is written.
    pub(super) fn letter_settled(&self) {
        self.0.letters_settled.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes what keeps partitions from being found, if anything does.
    pub(super) fn set_obstacle(&self, obstacle: Option<String>) {
        *self.0.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = obstacle;
    }

    /// Whether the readers were given all partitions that were there at the start.
    pub(super) fn are_all_found(&self) -> bool {
        self.0.found.load(Ordering::Acquire)
    }

    /// Notes that the readers were given all partitions that there are. Topics may be missing.
    pub(super) fn all_found(&self) {
        self.0.found.store(true, Ordering::Release);
    }

    /// Notes that every partition which is there now has been looked at.
    pub(super) fn all_counted(&self) {
        self.0.counted.store(true, Ordering::Release);
    }

    /// Counts a partition that has something to catch up with.
    pub(super) fn one_behind(&self, history: &HistorySpan) {
        self.0.history.add(history);
        self.0.behind.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts what was read of the history of one of these, up to an offset.
    pub(super) fn read(&self, history: &mut HistorySpan, to: i64, records: u64) {
        self.0.history.read(history, to, records);
    }

    /// Notes that one of these has caught up.
    pub(super) fn one_caught_up(&self, history: &mut HistorySpan) {
        self.0.history.finish(history);
        self.0.behind.fetch_sub(1, Ordering::AcqRel);
    }

    /// Notes why reading cannot go on. Of several reasons the first is kept.
    pub(super) fn fail(&self, reason: String) {
        // An error means that there is a reason already.
        let _ = self.0.failure.set(reason);
    }
}

/// A running source. Dropping it stops the source and waits for its threads.
pub struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    progress: SourceProgress,
}

impl Running {
    pub(super) fn new(
        stop: Arc<AtomicBool>,
        threads: Vec<JoinHandle<()>>,
        progress: SourceProgress,
    ) -> Running {
        Running { stop, threads, progress }
    }

    /// A handle that tells whether the source has caught up.
    pub fn progress(&self) -> SourceProgress {
        self.progress.clone()
    }

    /// Whether all of its threads still run. They end by themselves when the workers have ended.
    pub fn is_alive(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }
}

impl Running {
    /// Stops the source and waits for its threads until a deadline: brokers that do not answer must not
    /// hold up the end. Threads that are left hold nothing that must be saved, and end with the process. Returns whether all
    /// have ended.
    pub fn stop(mut self, deadline: Instant) -> bool {
        let (done, ended) = mpsc::channel();
        let (stop, threads) = (self.stop.clone(), std::mem::take(&mut self.threads));
        let progress = self.progress.clone();
        std::thread::spawn(move || {
            drop(Running { stop, threads, progress });
            // Nobody listens after the deadline.
            let _ = done.send(());
        });
        let patience = deadline.saturating_duration_since(Instant::now());
        let has_ended = ended.recv_timeout(patience).is_ok();
        if !has_ended {
            tracing::warn!("the source did not end in time; it is left behind");
        }
        has_ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a source's thread has panicked");
            }
        }
    }
}
