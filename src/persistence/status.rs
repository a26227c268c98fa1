//! What is known of checkpoints, for people and for the process.

use crate::persistence::messages::Erasure;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What is known of checkpoints. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct CheckpointStatus(Arc<Mutex<Known>>);

/// What is known of checkpoints.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Where they are, if there are any.
    pub url: Option<String>,
    /// The number of the one that the engine began with.
    pub restored: Option<u64>,
    /// The segments of it that have been read, of all.
    pub read: (usize, usize),
    /// The one that was written last.
    pub last: Option<LastCheckpoint>,
    /// The next offset of each partition by the newest one, by `topic/index`.
    pub positions: BTreeMap<String, i64>,
    /// The digest of its profiles.
    pub profiles: Option<String>,
    /// Why the last try to write one failed.
    pub trouble: Option<String>,
    /// The tries that failed, ever.
    pub failures: u64,
    /// When nothing was stored any more of whom, in the order of both.
    erasures: Vec<Erasure>,
    /// Why the process cannot go on.
    fatal: Option<String>,
}

/// A checkpoint that was written.
#[derive(Clone, Debug)]
pub struct LastCheckpoint {
    /// Its number.
    pub number: u64,
    /// The logical time that it is as of, in microseconds since the Unix epoch.
    pub time: u64,
    /// When it was written.
    pub written: SystemTime,
    /// How long that took.
    pub took: Duration,
    /// The bytes of what was new in it, and of all of it.
    pub bytes: (u64, u64),
}

impl CheckpointStatus {
    pub(super) fn new(url: Option<&str>) -> CheckpointStatus {
        let known = Known { url: url.map(str::to_owned), ..Known::default() };
        CheckpointStatus(Arc::new(Mutex::new(known)))
    }

    /// All that is known.
    pub fn known(&self) -> Known {
        self.lock().clone()
    }

    /// Why the process cannot go on, if it cannot.
    pub fn fatal(&self) -> Option<String> {
        self.lock().fatal.clone()
    }

    pub(super) fn restores(&self, number: u64) {
        self.lock().restored = Some(number);
    }

    pub(super) fn has_read(&self, of: usize) {
        let mut known = self.lock();
        known.read = (known.read.0 + 1, of);
    }

    pub(super) fn wrote(&self, last: LastCheckpoint) {
        let mut known = self.lock();
        known.last = Some(last);
        known.trouble = None;
    }

    /// When nothing was stored any more of who was forgotten at a logical time, in milliseconds since the Unix epoch.
    pub fn erased_at(&self, since: u64) -> Option<i64> {
        // The rows left at the time after.
        self.lock().erasures.iter().find(|it| since < it.before).map(|it| it.at)
    }

    /// Notes the positions from which a start goes on, with profiles of a digest.
    pub(super) fn goes_on_from(&self, positions: BTreeMap<String, i64>, profiles: Option<String>) {
        let mut known = self.lock();
        (known.positions, known.profiles) = (positions, profiles);
    }

    /// Notes erasures, unless later ones are known.
    pub(super) fn knows(&self, erasures: &[Erasure]) {
        let mut known = self.lock();
        let last = |erasures: &[Erasure]| erasures.last().map(|it| it.at);
        if last(&known.erasures) < last(erasures) {
            known.erasures = erasures.to_vec();
        }
    }

    pub(super) fn failed(&self, reason: String) {
        let mut known = self.lock();
        known.trouble = Some(reason);
        known.failures += 1;
    }

    pub(super) fn fail(&self, reason: String) {
        self.lock().fatal.get_or_insert(reason);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // No panic can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
