//! Topics and topic files that are others than the ones that were read: the process ends, and says why,
//! rather than count what they still hold twice.

use crate::harness::{Process, alone, event, eventually, prefix, services, with_log};
use crate::kafka;
use rdkafka::Message;
use serde_json::json;

/// Waits for a process's end, which must be a failure that one line of its log tells, with these parts.
fn fails_with(process: &mut Process, parts: &[&str]) {
    eventually("it ends", || process.has_ended());
    assert_eq!(process.wait().code(), Some(1));
    let log: Vec<_> = process.log().collect();
    let told = log.iter().filter(|line| parts.iter().all(|part| line.contains(part)));
    assert_eq!(told.count(), 1, "{parts:?}: {log:#?}");
}

#[test]
fn a_topic_file_that_was_truncated_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::spawn(with_log(alone(folder.path())), "2", &[]);
    process.wait_ready();
    process.post(&json!([event("view", "ann", "cup", &["cups"])]));
    let file = folder.path().join("data/view-events.jsonl");
    let read = std::fs::metadata(&file).unwrap().len();
    let held = read - 1;
    std::fs::File::options().write(true).open(&file).unwrap().set_len(held).unwrap();
    let reason = format!("it was truncated: {read} bytes were read, and it has {held}");
    fails_with(&mut process, &["view-events.jsonl", &reason]);
}

#[test]
fn nothing_is_said_to_be_visible_that_is_stored_in_place_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    let view = json!([event("view", "ann", "cup", &["cups"])]);
    process.post(&view);
    let file = folder.path().join("data/view-events.jsonl");
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let path = "/api/user-behavior?wait=visible";
    let (status, told) = process.try_call("POST", path, &view.to_string()).unwrap();
    assert!(status == 503 && told.contains("was removed"), "{status} {told}");
    assert_eq!(process.try_call("GET", "/readyz?for=writes", "").unwrap().0, 503);
    assert!(!file.exists(), "nothing is stored where nobody reads");
    std::fs::rename(&away, &file).unwrap();
    process.post(&view);
    assert_eq!(process.profile("ann"), json!({"cups": 2}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_topic_that_begins_anew_ends_the_process() {
    let _services = services();
    let prefix = &*prefix("anew");
    let mut process = Process::ready_with_log(prefix, "2");
    process.weigh(1);
    let topic = &*format!("{prefix}view-events");
    let view = event("view", "ivy", "cup", &["cups"]).to_string();
    for _ in 0..5 {
        kafka::write(topic, "ivy", Some(view.as_bytes()));
    }
    process.reads("ivy", &json!({"cups": 5}));
    let partitions = kafka::partitions(&kafka::writer(&[]), topic);
    kafka::delete(topic);
    eventually("the topic is made again", || kafka::create(topic, partitions, &[]));
    // At once, so that the offset to be read next is there again.
    for _ in 0..10 {
        kafka::write(topic, "ivy", Some(view.as_bytes()));
    }
    eventually("it ends", || process.has_ended());
    assert_eq!(process.wait().code(), Some(1));
    let log: Vec<_> = process.log().collect();
    let reasons = ["was deleted and made anew", "offset 5 was to be read next"];
    let is_reason =
        |line: &&String| line.contains(topic) && reasons.iter().any(|reason| line.contains(reason));
    assert_eq!(log.iter().filter(is_reason).count(), 1, "{log:#?}");
    assert_eq!(Process::ready(prefix, "2").profile("ivy"), json!({"cups": 10}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_topic_whose_first_records_were_deleted_is_read_from_where_it_begins() {
    let _services = services();
    let prefix = &*prefix("deleted");
    let process = Process::ready(prefix, "2");
    process.weigh(1);
    let topic = &*format!("{prefix}view-events");
    let view = event("view", "kim", "cup", &["cups"]).to_string();
    for _ in 0..5 {
        kafka::write(topic, "kim", Some(view.as_bytes()));
    }
    process.reads("kim", &json!({"cups": 5}));
    kafka::delete_before(topic, kafka::read(topic)[0].partition(), 3);
    // What was read stays until the process starts again.
    process.post(&json!([event("view", "kim", "cup", &["cups"])]));
    assert_eq!(process.profile("kim"), json!({"cups": 6}));
    drop(process);
    let process = Process::ready(prefix, "2");
    assert_eq!(process.profile("kim"), json!({"cups": 3}));
}
