//! Services that go away, come back, or forget.

use crate::harness::{Process, event, eventually, prefix, redis, redis_hash, script, services};
use serde_json::json;

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn redis_that_was_away_or_lost_its_data_is_healed() {
    let _services = services();
    let process = Process::ready(&prefix("redis"), "2");
    process.weigh(1);
    process.post(&json!([event("view", "dan", "pen", &["office"])]));
    process.settles("dan", &json!({"office": 1}));
    let _: String = redis::cmd("FLUSHALL").query(&mut redis().unwrap()).unwrap();
    process.settles("dan", &json!({"office": 1}));
    script(&["down", "redis"]);
    for _ in 0..5 {
        process.post(&json!([event("view", "dan", "pen", &["office"])]));
    }
    assert_eq!(process.profile("dan"), json!({"office": 6}));
    let waiting = || process.metric("recsys_sink_pending_users", &[]);
    eventually("one profile waits", || waiting() == 1.0);
    script(&["up", "redis"]);
    process.settles("dan", &json!({"office": 6}));
    eventually("none waits", || waiting() == 0.0);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_broker_lost_under_load_loses_and_doubles_nothing() {
    let _services = services();
    // Brokers take seconds to notice that one is gone, and a busy machine makes them more.
    let patient = ["http.request_timeout_ms=25000", "kafka.properties.message.timeout.ms=20000"];
    let patient = patient.map(|it| ["--set", it]).concat();
    let process = Process::start(&prefix("brokers"), "2", &patient);
    process.wait_ready();
    process.weigh(1);
    let clicks = |n: usize| json!(vec![event("view", "eva", "map", &["travel"]); n]);
    process.post(&clicks(100));
    let up = || process.metric("recsys_kafka_broker_up", &["broker=\"2\""]);
    let missing = || process.metric("recsys_kafka_replicas_missing", &["view-events"]);
    eventually("all replicas", || up() == 1.0 && missing() == 0.0);
    script(&["kill-broker", "2"]);
    for _ in 0..5 {
        process.post(&clicks(100));
    }
    eventually("its loss is shown", || up() == 0.0 && missing() > 0.0);
    script(&["start-broker", "2"]);
    eventually("its return is shown", || up() == 1.0 && missing() == 0.0);
    process.post(&clicks(100));
    assert_eq!(process.profile("eva"), json!({"travel": 700}));
    eventually("redis", || redis_hash("eva") == Some(json!({"travel": "700"})));
}
