//! The question whether Redis holds what the engine's state says, which `recsys redis check` puts to a running engine
//! through Redis itself: all its processes read it there, and write what they have found.

use crate::sinks::redis::audit::Report;
use crate::sinks::redis::lease::Record;
use crate::sinks::redis::nodes::Home;
use redis::RedisResult;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// The key of the question, and that of the answers by process.
pub(super) const KEY: &str = "recsys:question";
const ANSWERS: &str = "recsys:answers";
/// The time between two looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// The question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) id: String,
    /// Whether what differs is to be mended.
    pub(super) repair: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct ProcessAnswer {
    id: String,
    report: Report,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Redis does not do what is asked of it.
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    /// No engine holds the lease.
    #[error("no engine holds this Redis, so that there is nobody to ask; start one by recsys run")]
    Nobody,
    /// What is at the key of the lease is none.
    #[error("{0}")]
    Unreadable(String),
    /// The holder does not renew its lease.
    #[error("the engine that holds Redis does not answer: {0}")]
    Silent(String),
    /// The question is gone.
    #[error(
        "the question is gone from Redis: it lost its data, or somebody else has asked; ask again"
    )]
    Gone,
}

/// Asks the engine that holds Redis to compare all keys with its state, and to mend them. Waits for the answers of all
/// its processes, as long as it lives.
///
/// # Errors
/// When Redis or the engine does not answer.
pub fn ask(home: &mut Home<'_>, repair: bool) -> Result<Report, Unanswered> {
    let mut holder = holder(home)?;
    let (key, answers) = (home.key(KEY), home.key(ANSWERS));
    let mut seen = Instant::now();
    let id = format!("{}-{}", std::process::id(), jiff::Timestamp::now());
    let question = Question { id: id.clone(), repair };
    let question = serde_json::to_string(&question).expect("it has text keys alone");
    redis::cmd("SET").arg(&key).arg(&question).exec(home)?;
    loop {
        let found: BTreeMap<String, String> = redis::cmd("HGETALL").arg(&answers).query(home)?;
        let parsed = found.values().filter_map(|answer| serde_json::from_str(answer).ok());
        let of_this = parsed.filter(|answer: &ProcessAnswer| answer.id == id);
        let reports: Vec<Report> = of_this.map(|answer| answer.report).collect();
        if holder.processes <= reports.len() {
            redis::cmd("DEL").arg(answers).exec(home)?;
            redis::cmd("DEL").arg(key).exec(home)?;
            return Ok(reports.into_iter().fold(Report::default(), |mut sum, report| {
                sum.add(report);
                sum
            }));
        }
        let is_there: Option<String> = redis::cmd("GET").arg(&key).query(home)?;
        if is_there.as_ref() != Some(&question) {
            return Err(Unanswered::Gone);
        }
        let now = self::holder(home)?;
        if now != holder {
            (holder, seen) = (now, Instant::now());
        } else if seen.elapsed() > Duration::from_millis(holder.lease_ms) {
            redis::cmd("DEL").arg(key).exec(home)?;
            return Err(Unanswered::Silent(holder.who()));
        }
        park_timeout(INTERVAL);
    }
}

fn holder(home: &mut Home<'_>) -> Result<Record, Unanswered> {
    let record = Record::read(home)?.map_err(Unanswered::Unreadable)?;
    record.ok_or(Unanswered::Nobody)
}

/// The question that waits, if it is not that of an id.
pub(super) fn read(home: &mut Home<'_>, known: Option<&str>) -> RedisResult<Option<Question>> {
    let key = home.key(KEY);
    let found: Option<String> = redis::cmd("GET").arg(key).query(home)?;
    let question: Option<Question> = found.and_then(|found| serde_json::from_str(&found).ok());
    Ok(question.filter(|question| known != Some(question.id.as_str())))
}

/// Answers, for a process.
pub(super) fn answer(
    home: &mut Home<'_>,
    process: usize,
    id: String,
    report: Report,
) -> RedisResult<()> {
    let answer =
        serde_json::to_string(&ProcessAnswer { id, report }).expect("it has text keys alone");
    let answers = home.key(ANSWERS);
    redis::cmd("HSET").arg(answers).arg(process).arg(answer).exec(home)
}
