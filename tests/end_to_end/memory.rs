//! What a process does whose memory has a limit.

use crate::harness::{Process, alone, event, eventually, with_log};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[test]
fn sources_pause_at_the_soft_limit_and_questions_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "1");
    process.post(&json!([event("view", "ann", "cup", &["cups"])]));
    process.kill();
    let mut program = with_log(alone(folder.path()));
    program.env("RECSYS_LIMITS_MEMORY_SOFT_MB", "1");
    let mut process = Process::spawn(program, "1", &[]);
    eventually("the front answers", || process.try_call("GET", "/metrics", "").is_some());
    eventually("it is told", || process.metric("recsys_source_paused", &[]) == 1.0);
    // What is stored now is read later.
    let events = json!([event("view", "bob", "cup", &["cups"])]).to_string();
    let (status, answer) = process.try_call("POST", "/api/user-behavior", &events).unwrap();
    assert_eq!(status, 201, "{answer}");
    eventually("a question is answered", || process.get("/api/status")["digests"].is_object());
    // But none about views that are behind.
    let (status, answer) = process.try_call("GET", "/api/user-profile/bob", "").unwrap();
    assert_eq!(status, 503, "{answer}");
    process.signal("TERM");
    let log: Vec<String> = process.log().collect();
    assert!(process.wait().success());
    let told = log.iter().filter(|line| line.contains("sources pause")).count();
    assert_eq!(told, 1, "{log:#?}");
    let process = Process::embedded(folder.path(), "1");
    assert_eq!(process.profile("bob"), json!({"cups": 1}));
}

#[test]
fn an_account_that_was_idle_for_long_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = alone(folder.path());
    program.env("RECSYS_VIEWS_HORIZON_DAYS", "1").env("RECSYS_VIEWS_PROFILE_DAYS", "3");
    // Names wait for checkpoints, of which two must have passed them.
    program.env("RECSYS_CHECKPOINT_INTERVAL_S", "1");
    let process = Process::quiet(program, "2");
    let seen = |user: &str, days: u64| {
        let ago = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
        let time = ago.duration_since(UNIX_EPOCH).unwrap().as_millis();
        json!({"eventType": "view", "userId": user, "product": "cup", "tags": ["cups"],
            "timestamp": u64::try_from(time).unwrap()})
    };
    let one = json!({"cups": 1});
    process.post(&json!([seen("ann", 5)]));
    process.reads("ann", &one);
    process.post(&json!([seen("bob", 3), seen("eve", 0)]));
    process.reads("ann", &json!({}));
    assert_eq!((process.profile("bob"), process.profile("eve")), (one.clone(), one));
    let names = || process.metric("recsys_held_records", &["name=\"user_names\""]);
    eventually("the name is erased", || names() == 2.0);
}

#[test]
fn a_process_ends_at_the_hard_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = alone(folder.path());
    program.env("RECSYS_LIMITS_MEMORY_HARD_MB", "1").env("RECSYS_LOG", "off");
    let output = program.args(["run", "--set", "http.listen=127.0.0.1:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("limits.memory_hard_mb is 1"), "{said}");
    let mut program = alone(folder.path());
    program.env("RECSYS_LIMITS_MEMORY_HARD_MB", "7").env("RECSYS_LIMITS_MEMORY_SOFT_MB", "7");
    let output = program.arg("check-config").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("must be more than limits.memory_soft_mb"), "{said}");
}
