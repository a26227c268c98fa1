//! What a key of Redis is to hold, how what it holds differs, and a comparison of all keys, which somebody asked for.

use redis::{ErrorKind, RedisResult, Value, from_redis_value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most differences that are told one by one.
const MOST_EXAMPLES: usize = 100;
/// The most fields that are told of one key.
const MOST_FIELDS: usize = 3;

/// In which way a key differs from what it is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A profile has no key.
    Missing,
    /// A key holds something other than its profile.
    Wrong,
    /// A key is that of nobody who has a profile.
    Foreign,
}

impl Kind {
    /// Its name, which is the label of its metric.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Missing => "missing",
            Kind::Wrong => "wrong",
            Kind::Foreign => "foreign",
        }
    }
}

/// A key that differs from what it is to hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// In which way.
    pub kind: Kind,
    /// The user, as the key has it.
    pub user: String,
    /// The fields that differ, for a person.
    pub details: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { kind, user, details } = self;
        let kind = kind.name();
        match details.is_empty() {
            true => write!(f, "{kind:<7}  user:profile:{user}"),
            false => write!(f, "{kind:<7}  user:profile:{user}  {details}"),
        }
    }
}

/// What a command of a pipeline must find at its key.
#[derive(Debug, PartialEq)]
pub(super) enum Expected {
    /// `HGETALL` finds these fields.
    Profile(BTreeMap<Box<[u8]>, Box<[u8]>>),
    /// `HGETALL` finds nothing.
    Nothing,
    /// `DEL` finds nothing to delete.
    Deleted,
}

/// A command of a pipeline that compares a key.
#[derive(Debug)]
pub(super) struct Check {
    /// The number of the command.
    pub(super) answer: usize,
    /// The user, as the key has it.
    pub(super) user: Vec<u8>,
    pub(super) expected: Expected,
    /// The comparison that it is a part of; without one it is a part of the sweep, which mends.
    pub(super) audit: Option<Arc<Audit>>,
}

impl Check {
    /// Whether what differs is mended.
    pub(super) fn mends(&self) -> bool {
        self.audit.as_ref().is_none_or(|audit| audit.repairs())
    }

    /// Holds the answer to what is expected.
    pub(super) fn judge(&self, reply: RedisResult<Value>) -> RedisResult<Option<Difference>> {
        let difference = |kind, details| {
            let user = String::from_utf8_lossy(&self.user).into_owned();
            Ok(Some(Difference { kind, user, details }))
        };
        let value = match reply {
            Err(error) if error.code() == Some("WRONGTYPE") => {
                let kind = match self.expected {
                    Expected::Profile(_) => Kind::Wrong,
                    Expected::Nothing | Expected::Deleted => Kind::Foreign,
                };
                return difference(kind, "is no hash".into());
            }
            reply => reply?,
        };
        if self.expected == Expected::Deleted {
            let was_there = from_redis_value::<u64>(value)? > 0;
            return if was_there { difference(Kind::Foreign, String::new()) } else { Ok(None) };
        }
        let found: BTreeMap<Vec<u8>, Vec<u8>> = from_redis_value(value)
            .map_err(|error| (ErrorKind::UnexpectedReturnType, "HGETALL", error.to_string()))?;
        match &self.expected {
            Expected::Profile(expected) if found.is_empty() && !expected.is_empty() => {
                difference(Kind::Missing, String::new())
            }
            Expected::Profile(expected) if !expected.is_empty() => {
                match differing(expected, &found) {
                    details if details.is_empty() => Ok(None),
                    details => difference(Kind::Wrong, details),
                }
            }
            _ if found.is_empty() => Ok(None),
            _ => difference(Kind::Foreign, String::new()),
        }
    }
}

/// Tells which fields differ; the empty text if none does.
fn differing(
    expected: &BTreeMap<Box<[u8]>, Box<[u8]>>,
    found: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let other = expected.iter().filter_map(|(field, value)| match found.get(&**field) {
        Some(held) if **held == **value => None,
        Some(held) => Some(format!("{} is {}, not {}", text(field), text(held), text(value))),
        None => Some(format!("{} is missing", text(field))),
    });
    let foreign = found.keys().filter(|field| !expected.contains_key(field.as_slice()));
    let mut all = other.chain(foreign.map(|field| format!("{} is foreign", text(field))));
    let mut told: Vec<String> = all.by_ref().take(MOST_FIELDS).collect();
    let more = all.count();
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.join(", ")
}

/// What a comparison of all keys has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The profiles that were compared.
    pub compared: u64,
    /// The numbers of keys that differ, by their kinds.
    pub missing: u64,
    /// As above.
    pub wrong: u64,
    /// As above.
    pub foreign: u64,
    /// Some of the differences.
    pub examples: Vec<Difference>,
    /// Why not all could be compared, if not all could.
    pub failure: Option<String>,
}

impl Report {
    /// The number of keys that differ.
    pub fn differing(&self) -> u64 {
        self.missing + self.wrong + self.foreign
    }

    /// Adds what another process has found.
    pub fn add(&mut self, other: Report) {
        self.compared += other.compared;
        self.missing += other.missing;
        self.wrong += other.wrong;
        self.foreign += other.foreign;
        self.examples.extend(other.examples);
        self.failure = self.failure.take().or(other.failure);
    }
}

/// A comparison of all keys of a process, which its workers make at once.
#[derive(Debug)]
pub(super) struct Audit {
    /// Whether what differs is mended.
    repair: bool,
    /// True once all keys of Redis have been seen, and their names given to workers.
    is_scanned: AtomicBool,
    /// The workers that are not done.
    busy: AtomicUsize,
    report: Mutex<Report>,
}

impl Audit {
    pub(super) fn new(repair: bool, workers: usize) -> Audit {
        let (is_scanned, busy) = (AtomicBool::new(false), AtomicUsize::new(workers));
        Audit { repair, is_scanned, busy, report: Mutex::default() }
    }

    pub(super) fn repairs(&self) -> bool {
        self.repair
    }

    pub(super) fn set_scanned(&self) {
        self.is_scanned.store(true, Ordering::Release);
    }

    pub(super) fn is_scanned(&self) -> bool {
        self.is_scanned.load(Ordering::Acquire)
    }

    /// Notes that a worker is done.
    pub(super) fn finish(&self) {
        self.busy.fetch_sub(1, Ordering::AcqRel);
    }

    /// The report, once all workers are done.
    pub(super) fn finished(&self) -> Option<Report> {
        (self.busy.load(Ordering::Acquire) == 0).then(|| self.lock().clone())
    }

    /// Notes the outcome of one comparison.
    pub(super) fn note(&self, is_profile: bool, difference: Option<Difference>) {
        let mut report = self.lock();
        report.compared += u64::from(is_profile);
        let Some(difference) = difference else { return };
        match difference.kind {
            Kind::Missing => report.missing += 1,
            Kind::Wrong => report.wrong += 1,
            Kind::Foreign => report.foreign += 1,
        }
        if report.examples.len() < MOST_EXAMPLES {
            report.examples.push(difference);
        }
    }

    /// Notes why a part of it could not be compared.
    pub(super) fn fail(&self, reason: String) {
        self.lock().failure.get_or_insert(reason);
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        // A count may lack its example at worst.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    /// What a key with these fields is told to be, of which `office` 2 and `light` 1 are expected.
    fn check(fields: &[(&str, &str)], expected: Option<(Kind, &str)>) {
        let profile = [("office", "2"), ("light", "1")];
        let bytes = |text: &str| Box::from(text.as_bytes());
        let profile = profile.iter().map(|(field, value)| (bytes(field), bytes(value))).collect();
        let check = Check {
            answer: 0,
            user: b"ann".to_vec(),
            expected: Expected::Profile(profile),
            audit: None,
        };
        let reply = fields.iter().flat_map(|(field, value)| [bulk(field), bulk(value)]).collect();
        let found = check.judge(Ok(Value::Array(reply))).unwrap();
        let found = found.as_ref().map(|found| (found.kind, &*found.details));
        assert_eq!(found, expected, "{fields:?}");
    }

    #[test]
    fn a_key_is_held_to_its_profile() {
        check(&[("light", "1"), ("office", "2")], None);
        check(&[], Some((Kind::Missing, "")));
        check(&[("light", "1")], Some((Kind::Wrong, "office is missing")));
        check(&[("light", "1"), ("office", "3")], Some((Kind::Wrong, "office is 3, not 2")));
        let foreign = [("light", "1"), ("office", "2"), ("x", "1")];
        check(&foreign, Some((Kind::Wrong, "x is foreign")));
        let many = [("a", "1"), ("b", "1"), ("c", "1")];
        let told = "light is missing, office is missing, a is foreign, and 2 more";
        check(&many, Some((Kind::Wrong, told)));
    }

    #[test]
    fn a_key_of_nobody_is_foreign_if_it_is_there() {
        let of = |expected| Check { answer: 0, user: b"\xff".to_vec(), expected, audit: None };
        let kind = |check: Check, reply| check.judge(reply).unwrap().map(|found| found.kind);
        assert_eq!(kind(of(Expected::Deleted), Ok(Value::Int(0))), None);
        assert_eq!(kind(of(Expected::Deleted), Ok(Value::Int(1))), Some(Kind::Foreign));
        let fields = |fields| Ok(Value::Array(fields));
        assert_eq!(kind(of(Expected::Nothing), fields(vec![])), None);
        let some = fields(vec![bulk("x"), bulk("1")]);
        assert_eq!(kind(of(Expected::Nothing), some), Some(Kind::Foreign));
    }

    #[test]
    fn a_report_counts_all_and_tells_some() {
        let audit = Audit::new(false, 2);
        for user in 0..2 * MOST_EXAMPLES {
            let (user, details) = (user.to_string(), String::new());
            audit.note(true, Some(Difference { kind: Kind::Wrong, user, details }));
        }
        audit.note(true, None);
        audit.finish();
        assert_eq!(audit.finished(), None);
        audit.finish();
        let report = audit.finished().unwrap();
        assert_eq!((report.compared, report.wrong, report.differing()), (201, 200, 200));
        assert_eq!(report.examples.len(), MOST_EXAMPLES);
    }
}
