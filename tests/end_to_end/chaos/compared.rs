//! Holds a process to what it must be in the end.

use super::members::Told;
use crate::harness::Process;
use serde_json::Value;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// What is awaited in the end takes less, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again until it holds, or says what does not.
pub(super) fn until(mut holds: impl FnMut() -> Told) -> Told {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = holds();
        if told.is_ok() || Instant::now() > deadline {
            return told;
        }
        park_timeout(Duration::from_millis(100));
    }
}

pub(super) fn caught_up(process: &Process) -> Told {
    if process.try_call("GET", "/readyz", "").is_none_or(|(status, _)| status != 200) {
        return Err("it is not ready".into());
    }
    let lag = process.metric("recsys_source_lag{", &[]);
    if lag == 0.0 { Ok(()) } else { Err(format!("{lag} records are not read")) }
}

/// Whether each view that was acknowledged counts once.
pub(super) fn counted(process: &Process, expected: &Value) -> Told {
    let users: Vec<_> = expected.as_object().unwrap().keys().cloned().collect();
    let found = process.profiles(&users);
    let differs = users.iter().find(|user| found[*user] != expected[*user]);
    differs.map_or(Ok(()), |user| {
        Err(format!("{user} is {}, and not {}", found[user], expected[user]))
    })
}

/// Whether digests and answers are the same, or the first that is not.
pub(super) fn same(found: &(Value, Vec<Value>), expected: &(Value, Vec<Value>)) -> Told {
    for (view, digest) in expected.0.as_object().unwrap() {
        if found.0[view] != *digest {
            return Err(format!("the view {view}"));
        }
    }
    for (found, expected) in found.1.iter().zip(&expected.1) {
        if let Some(told) = difference(found, expected) {
            return Err(told);
        }
    }
    Ok(())
}

fn difference(found: &Value, expected: &Value) -> Option<String> {
    let short = |value: &Value| value.to_string().chars().take(300).collect::<String>();
    if let (Some(found), Some(expected)) = (found.as_object(), expected.as_object()) {
        let key = expected.keys().find(|key| found.get(*key) != expected.get(*key))?;
        let found = found.get(key).unwrap_or(&Value::Null);
        return Some(format!("{key}: {}, and not {}", short(found), short(&expected[key])));
    }
    (found != expected).then(|| format!("{}, and not {}", short(found), short(expected)))
}
