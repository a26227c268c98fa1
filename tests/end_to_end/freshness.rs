//! How fresh answers and profiles are, after a restart and behind the end of a topic.

use crate::harness::{Process, create_topics, event, eventually, prefix, served, services};
use crate::kafka;
use rdkafka::producer::BaseRecord;
use serde_json::json;

/// Writes views to one partition, in batches of twenty.
fn write(topic: &str, views: usize) {
    let writer = kafka::writer(&[("batch.num.messages", "20")]);
    let view = event("view", "ann", "radio", &["audio"]).to_string();
    for _ in 0..views {
        kafka::send(&writer, BaseRecord::to(topic).key("k").partition(0).payload(view.as_bytes()));
    }
    kafka::flush(&writer);
}

/// A process that takes one batch a second of each partition.
fn slow(prefix: &str) -> Process {
    let mut program = served(prefix);
    for (property, value) in [
        ("QUEUED_MIN_MESSAGES", "1"),
        ("QUEUED_MAX_MESSAGES_KBYTES", "1"),
        ("FETCH_MESSAGE_MAX_BYTES", "1000"),
        ("FETCH_QUEUE_BACKOFF_MS", "1000"),
    ] {
        program.env(format!("RECSYS_KAFKA_PROPERTIES_{property}"), value);
    }
    let process = Process::spawn(program, "2", &[]);
    eventually("the front", || process.try_call("GET", "/healthz", "").is_some());
    process
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_restart_is_old_until_it_has_read_all_and_only_what_comes_later_is_fresh() {
    let _services = services();
    let prefix = prefix("freshness");
    let topic = prefix.clone() + "view-events";
    create_topics(&prefix);
    write(&topic, 300);
    let process = slow(&prefix);
    let fresh = |process: &Process| process.metric("recsys_freshness_seconds_count", &[]);
    let lag = |process: &Process| process.metric("recsys_source_lag_seconds", &[&topic]);
    eventually("behind, and not ready", || {
        lag(&process) > 2.0
            && process.metric("recsys_source_lag{", &[&topic]) > 0.0
            && process.metric("recsys_ready", &[]) == 0.0
    });
    process.wait_ready();
    process.weigh(1);
    eventually("caught up", || lag(&process) == 0.0);
    process.reads("ann", &json!({"audio": 300}));
    assert_eq!(fresh(&process), 0.0);

    // Behind again, and ready: answers are as old as what is read.
    write(&topic, 200);
    eventually("behind", || lag(&process) > 2.0 && process.metric("recsys_ready", &[]) == 1.0);
    eventually("caught up", || lag(&process) == 0.0);
    eventually("all of it was fresh", || fresh(&process) == 200.0);
    process.kill();

    let process = Process::ready(&prefix, "2");
    process.settles("ann", &json!({"audio": 500}));
    assert_eq!(fresh(&process), 0.0);
    process.post(&json!([event("view", "bob", "radio", &["audio"])]));
    eventually("one is fresh", || fresh(&process) == 1.0);
    let age = process.metric("recsys_freshness_seconds_sum", &[]);
    assert!(age < 5.0, "{age} s");
}
