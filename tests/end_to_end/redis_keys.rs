//! Keys that Redis lost, that somebody else changed, or that it does not let the engine write.

use crate::harness::{
    Process, create_topics, event, eventually, prefix, redis, redis_hash, served, service, services,
};
use serde_json::json;
use std::process::Stdio;

/// The rights that the engine needs, as `workers.toml` has them.
const RIGHTS: [&str; 17] = [
    "+multi",
    "+exec",
    "+watch",
    "+unwatch",
    "+del",
    "+hset",
    "+hdel",
    "+hgetall",
    "+get",
    "+set",
    "+getset",
    "+scan",
    "+dbsize",
    "+client|setname",
    "+client|list",
    "+client|kill",
    "~recsys:*",
];

fn command(parts: &[&str]) {
    let _: redis::Value =
        redis::cmd(parts[0]).arg(&parts[1..]).query(&mut redis().unwrap()).unwrap();
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_key_that_is_no_hash_costs_nobody_else_a_write() {
    let _services = services();
    let process = Process::ready(&prefix("wrongtype"), "1");
    process.weigh(1);
    process.post(&json!([
        event("view", "fay", "pen", &["office"]),
        event("view", "gus", "map", &["travel"]),
    ]));
    process.settles("fay", &json!({"office": 1}));
    command(&["SET", "user:profile:fay", "text"]);
    process.post(&json!([
        event("view", "fay", "lamp", &["light"]),
        event("view", "gus", "map", &["travel"]),
    ]));
    process.settles("gus", &json!({"travel": 2}));
    // The whole profile, not the change alone.
    process.settles("fay", &json!({"light": 1, "office": 1}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_profile_that_redis_lost_comes_back_whole() {
    let _services = services();
    let process = Process::ready(&prefix("evicted"), "1");
    process.weigh(1);
    process.post(&json!([event("view", "hal", "pen", &["office", "paper"])]));
    process.settles("hal", &json!({"office": 1, "paper": 1}));
    assert_eq!(process.metric("recsys_sink_replaced_total", &[]), 0.0);
    // Redis evicts a key in the same way.
    command(&["DEL", "user:profile:hal"]);
    process.post(&json!([event("view", "hal", "pen", &["office"])]));
    process.settles("hal", &json!({"office": 2, "paper": 1}));
    // A tag that is new to the user tells nothing of the others.
    command(&["DEL", "user:profile:hal"]);
    process.post(&json!([event("view", "hal", "lamp", &["light"])]));
    process.settles("hal", &json!({"light": 1, "office": 2, "paper": 1}));
    assert_eq!(process.metric("recsys_sink_replaced_total", &[]), 2.0);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_key_that_redis_refuses_is_left_until_it_may_be_written() {
    let _services = services();
    let engine = ["ACL", "SETUSER", "engine", "reset", "on", ">secret"];
    command(&[&engine[..], &["~user:profile:ida"], &RIGHTS].concat());
    let url = service("RECSYS_TEST_REDIS").replace("redis://", "redis://engine:secret@");
    let process = Process::start(&prefix("noperm"), "1", &["--set", &format!("redis.url={url}")]);
    process.wait_ready();
    process.weigh(1);
    process.post(&json!([
        event("view", "ida", "pen", &["office"]),
        event("view", "jim", "map", &["travel"]),
    ]));
    process.settles("ida", &json!({"office": 1}));
    eventually("a refusal", || process.metric("recsys_sink_refused_total", &[]) > 0.0);
    assert_eq!(redis_hash("jim"), Some(json!({})));
    assert_eq!(process.metric("recsys_sink_errors_total", &[]), 0.0);
    command(&["ACL", "SETUSER", "engine", "~user:profile:*"]);
    process.settles("jim", &json!({"travel": 1}));
    command(&["ACL", "DELUSER", "engine"]);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn redis_that_takes_no_more_is_told_of_once() {
    let _services = services();
    let prefix = prefix("oom");
    create_topics(&prefix);
    let mut program = served(&prefix);
    program.stderr(Stdio::piped()).env("RECSYS_LOG", "recsys::sinks=info");
    let mut process = Process::spawn(program, "1", &[]);
    process.wait_ready();
    process.weigh(1);
    command(&["CONFIG", "SET", "maxmemory", "1"]);
    process.post(&json!([event("view", "kim", "pen", &["office"])]));
    let failed = || process.metric("recsys_sink_errors_total", &["error=\"OOM\""]) >= 3.0;
    eventually("three tries", failed);
    command(&["CONFIG", "SET", "maxmemory", "0"]);
    process.settles("kim", &json!({"office": 1}));
    eventually("connected", || process.metric("recsys_sink_connected", &[]) == 1.0);
    process.signal("TERM");
    let log: Vec<String> = process.log().filter(|line| line.contains("Redis")).collect();
    assert!(process.wait().success());
    assert_eq!(log.len(), 2, "{log:#?}");
    assert!(log[0].contains("OOM") && log[1].contains("Redis is back"), "{log:#?}");
}
