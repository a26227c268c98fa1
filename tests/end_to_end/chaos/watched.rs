//! Watches that nobody sees the past: scores that only grow never become less, in Redis and over HTTP of each process.

use super::{call, steady};
use crate::harness::redis;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{JoinHandle, park_timeout, spawn};
use std::time::Duration;

/// The score of each tag of each steady user.
pub(super) type Scores = BTreeMap<(String, String), f64>;

const PAUSE: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(super) struct Watched {
    /// The steady users that there are.
    pub(super) users: AtomicUsize,
    /// The greatest scores that anybody was shown.
    shown: Mutex<Scores>,
    redis: Mutex<InRedis>,
    /// The first thing that went back.
    fault: Mutex<Option<String>>,
    over: AtomicBool,
    pub(super) reads: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) redis_reads: AtomicU64,
}

/// What Redis has shown, and what it has lost since.
#[derive(Default)]
struct InRedis {
    shown: Scores,
    lost: BTreeMap<(String, String), Loss>,
}

/// What Redis itself has lost.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Loss {
    /// A score may be missing, until it is written again.
    All,
    /// It may be as it was when Redis last saved it.
    SinceSaved,
}

impl Watched {
    /// Watches a process until it is over, which must show at least what was shown by those before it.
    pub(super) fn process(self: &Arc<Self>, name: String, port: u16, over: Arc<AtomicBool>) {
        let watched = self.clone();
        let mut least = self.shown().clone();
        spawn(move || {
            while !over.load(Ordering::Relaxed) && watched.goes_on() {
                park_timeout(PAUSE);
                let Some(scores) = watched.ask(&name, port) else { continue };
                for (key, least) in &least {
                    let score = scores.get(key);
                    if score.is_none_or(|score| score < least) {
                        watched.tell(&format!("{name}: {key:?} from {least} to {score:?}"));
                    }
                }
                watched.show(&scores);
                least = scores;
            }
        });
    }

    /// Watches Redis until all is over.
    pub(super) fn redis(self: &Arc<Self>) -> JoinHandle<()> {
        let watched = self.clone();
        spawn(move || {
            let mut connection = None;
            while watched.goes_on() {
                park_timeout(PAUSE);
                if connection.is_none() {
                    connection = redis().ok();
                }
                if let Some(open) = &mut connection
                    && watched.read(open).is_err()
                {
                    connection = None;
                }
            }
        })
    }

    /// Does something by which Redis loses what it has. Nothing is read meanwhile.
    pub(super) fn redis_loses<T>(&self, loss: Loss, work: impl FnOnce() -> T) -> T {
        let mut redis = self.redis.lock().unwrap();
        let keys: Vec<_> = redis.shown.keys().cloned().collect();
        for key in keys {
            let before = redis.lost.get(&key);
            if before != Some(&Loss::SinceSaved) {
                redis.lost.insert(key, loss);
            }
        }
        work()
    }

    /// The first thing that went back.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap().clone()
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, fault: &str) {
        self.fault.lock().unwrap().get_or_insert_with(|| fault.to_owned());
    }

    fn shown(&self) -> MutexGuard<'_, Scores> {
        self.shown.lock().unwrap()
    }

    /// Notes what somebody was shown.
    fn show(&self, scores: &Scores) {
        grow(&mut self.shown(), scores);
    }

    fn names(&self) -> Vec<String> {
        (0..self.users.load(Ordering::Relaxed)).map(steady).collect()
    }

    /// What a process says of all steady users; none when it says nothing.
    fn ask(&self, name: &str, port: u16) -> Option<Scores> {
        let body = json!({ "userIds": self.names() }).to_string();
        let (status, answer) = call(port, "POST", "/api/user-profiles", &body)?;
        match status {
            200 => (),
            503 | 504 => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            _ => self.tell(&format!("{name} answers {status}: {answer}")),
        }
        // Its process may be killed in the midst of it.
        let profiles: Value = serde_json::from_str(&answer).ok()?;
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut scores = Scores::new();
        for (user, profile) in profiles.as_object()? {
            for (tag, score) in profile.as_object()? {
                scores.insert((user.clone(), tag.clone()), score.as_f64()?);
            }
        }
        Some(scores)
    }

    /// Reads all steady users in Redis, and holds them to what it has shown.
    fn read(&self, connection: &mut redis::Connection) -> redis::RedisResult<()> {
        for user in self.names() {
            let mut redis = self.redis.lock().unwrap();
            let key = format!("user:profile:{user}");
            let hash: BTreeMap<String, String> =
                redis::cmd("HGETALL").arg(key).query(connection)?;
            self.redis_reads.fetch_add(1, Ordering::Relaxed);
            let found: Scores = hash
                .into_iter()
                .map(|(tag, score)| ((user.clone(), tag), score.parse().unwrap()))
                .collect();
            let InRedis { shown, lost } = &mut *redis;
            for (key, least) in shown.iter().filter(|(key, _)| key.0 == user) {
                let (score, loss) = (found.get(key), lost.get(key));
                match (score, loss) {
                    (Some(score), _) if score >= least => {
                        lost.remove(key);
                    }
                    (_, Some(Loss::SinceSaved)) | (None, Some(Loss::All)) => (),
                    _ => self.tell(&format!("Redis: {key:?} from {least} to {score:?}")),
                }
            }
            grow(shown, &found);
            self.show(&found);
        }
        Ok(())
    }
}

/// Raises scores to those that were found.
fn grow(scores: &mut Scores, found: &Scores) {
    for (key, found) in found {
        let score = scores.entry(key.clone()).or_default();
        *score = score.max(*found);
    }
}
