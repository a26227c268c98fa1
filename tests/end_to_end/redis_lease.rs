//! Redis is one engine's: who else comes is refused, and who has lost it writes nothing more.

use crate::harness::{PlainRedis, Process, alone, event, eventually, free_port, with_log};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The exit code of who meets another engine.
const HELD: Option<i32> = Some(77);

fn program(folder: &Path, redis: &PlainRedis, lease: &str) -> Command {
    let mut program = alone(folder);
    program.env("RECSYS_REDIS_URL", redis.url()).env("RECSYS_REDIS_LEASE_MS", lease);
    program
}

/// An engine on a Redis, with a lease of a second.
fn engine(folder: &TempDir, redis: &PlainRedis, more: &[&str]) -> Process {
    let program = program(folder.path(), redis, "1000");
    let process = Process::spawn(with_log(program), "2", more);
    process.wait_ready();
    process
}

fn lease(redis: &PlainRedis) -> Value {
    let lease: Option<String> = redis.send("GET recsys:lease");
    lease.map_or(Value::Null, |lease| serde_json::from_str(&lease).unwrap())
}

/// Posts a view, and waits until Redis has as many as there are.
fn view(process: &Process, redis: &PlainRedis, user: &str, expected: u32) {
    process.post(&json!([event("view", user, "pen", &["office"])]));
    is_written(redis, user, expected);
}

fn is_written(redis: &PlainRedis, user: &str, expected: u32) {
    let expected = json!({"office": expected.to_string()});
    eventually(&format!("{user}: {expected}"), || redis.hash(user) == expected);
}

/// The exit code of a process, and the lines that it has logged.
fn end(mut process: Process) -> (Option<i32>, Vec<String>) {
    let log = process.log().collect();
    (process.wait().code(), log)
}

/// Folders of two engines, and a Redis.
fn two() -> ([TempDir; 2], PlainRedis) {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let redis = PlainRedis::start(folders[0].path());
    (folders, redis)
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn a_second_engine_is_refused_and_told_who_holds_redis() {
    let (folders, redis) = two();
    let first = engine(&folders[0], &redis, &[]);
    view(&first, &redis, "ann", 1);
    let program = program(folders[1].path(), &redis, "1000");
    let (code, log) = end(Process::spawn(with_log(program), "1", &[]));
    assert_eq!(code, HELD, "{log:#?}");
    let told = log.last().unwrap();
    let who = format!("which serves 127.0.0.1:{}, since 2", first.port);
    for part in ["recsys: Redis is held by another engine: process ", &who, "--take-over"] {
        assert!(told.contains(part), "{log:#?}");
    }
    view(&first, &redis, "ann", 2);
    assert_eq!(first.metric("recsys_sink_replaced_total", &[]), 0.0);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn who_is_taken_over_ends_and_the_next_run_follows_who_has_ended_at_once() {
    let (folders, redis) = two();
    let first = engine(&folders[0], &redis, &[]);
    view(&first, &redis, "ann", 1);
    let fence = lease(&redis)["fence"].as_u64().unwrap();
    let second = engine(&folders[1], &redis, &["--take-over"]);
    let (code, log) = end(first);
    assert_eq!(code, HELD, "{log:#?}");
    let told = log.last().unwrap();
    assert!(told.contains("another engine has taken Redis from this one: process "), "{log:#?}");
    assert!(told.contains(&format!("which serves 127.0.0.1:{}", second.port)), "{log:#?}");
    let lines = log.iter().filter(|line| line.contains("has taken Redis from this one"));
    assert_eq!(lines.count(), 1, "{log:#?}");
    assert!(fence < lease(&redis)["fence"].as_u64().unwrap());
    view(&second, &redis, "bob", 1);
    second.signal("TERM");
    assert_eq!(end(second).0, Some(0));
    assert_eq!(lease(&redis), Value::Null);
    // These leases would last for long.
    let long = || Process::spawn(program(folders[1].path(), &redis, "600000"), "1", &[]);
    let third = long();
    third.wait_ready();
    is_written(&redis, "bob", 1);
    // It cannot give its lease back; but no process has its number any more.
    third.kill();
    let fourth = long();
    fourth.wait_ready();
    view(&fourth, &redis, "bob", 2);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn an_engine_that_was_frozen_writes_nothing_when_it_wakes_up() {
    let (folders, redis) = two();
    let users = ["ann", "cem", "dan", "eva"];
    let frozen = engine(&folders[0], &redis, &[]);
    view(&frozen, &redis, "ann", 1);
    // Redis is frozen first, so that the engine is frozen in front of answers, with more to write.
    redis.signal("STOP");
    for user in users {
        frozen.post(&json!([event("view", user, "pen", &["office"])]));
    }
    frozen.signal("STOP");
    redis.signal("CONT");
    // Its lease runs out: nobody need say that it is to be taken over.
    let second = engine(&folders[1], &redis, &["--set", "redis.compared_per_second=0"]);
    view(&second, &redis, "bob", 1);
    let fence = lease(&redis)["fence"].as_u64().unwrap();
    let list: String = redis.send("CLIENT LIST");
    let named: Vec<&str> = list.lines().filter(|line| line.contains("name=recsys:")).collect();
    assert!(named.len() >= 2, "{list}");
    let ours = format!("name=recsys:{fence}:");
    assert!(named.iter().all(|line| line.contains(&ours)), "{list}");
    for user in users {
        let _: redis::Value = redis.send(&format!("DEL user:profile:{user}"));
    }
    let _: redis::Value = redis.send("CONFIG RESETSTAT");
    frozen.signal("CONT");
    let (code, log) = end(frozen);
    assert_eq!(code, HELD, "{log:#?}");
    users.iter().for_each(|user| assert_eq!(redis.hash(user), json!({}), "{user}"));
    let commands: String = redis.send("INFO commandstats");
    assert!(!commands.contains("cmdstat_hset:"), "{commands}");
    view(&second, &redis, "bob", 2);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn redis_that_lost_its_data_or_was_away_is_no_loss() {
    let (folders, redis) = two();
    let process = engine(&folders[0], &redis, &[]);
    view(&process, &redis, "ann", 1);
    let before = lease(&redis);
    let _: redis::Value = redis.send("FLUSHALL");
    is_written(&redis, "ann", 1);
    eventually("it is taken again", || lease(&redis)["fence"] == before["fence"]);
    assert_eq!(lease(&redis)["run"], before["run"]);
    // Longer than the lease.
    redis.signal("STOP");
    process.post(&json!([event("view", "ann", "pen", &["office"])]));
    let connected = || process.metric("recsys_sink_connected", &[]);
    eventually("its absence is noticed", || connected() == 0.0);
    redis.signal("CONT");
    is_written(&redis, "ann", 2);
    eventually("both are back", || connected() == 2.0);
    // Nor is the record of an earlier holder, which Redis had saved.
    let mut old = before.clone();
    old["run"] = "another".into();
    old["fence"] = (before["fence"].as_u64().unwrap() - 1).into();
    let _: redis::Value =
        redis.send(&format!("SET recsys:lease {}", old.to_string().replace(' ', "\u{a0}")));
    eventually("it is taken again", || lease(&redis)["run"] == before["run"]);
    view(&process, &redis, "ann", 3);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn without_the_rights_of_client_the_lease_alone_holds_and_that_is_told() {
    let (folders, redis) = two();
    let rights = "+multi +exec +watch +unwatch +del +hset +hdel +hgetall +get +set +getset +scan";
    let _: redis::Value = redis
        .send(&format!("ACL SETUSER engine on >secret ~user:profile:* ~recsys:* {rights} +dbsize"));
    let mut program = program(folders[0].path(), &redis, "1000");
    program.env("RECSYS_REDIS_URL", redis.url().replace("//", "//engine:secret@"));
    let first = Process::spawn(with_log(program), "1", &[]);
    first.wait_ready();
    view(&first, &redis, "ann", 1);
    let services = || first.get("/api/status")["services"]["redis"].to_string();
    eventually("its status tells", || services().contains("CLIENT SETNAME, LIST and KILL"));
    let second = engine(&folders[1], &redis, &["--take-over"]);
    let (code, log) = end(first);
    assert_eq!(code, HELD, "{log:#?}");
    assert!(log.iter().any(|line| line.contains("the lease alone keeps")), "{log:#?}");
    view(&second, &redis, "bob", 1);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn the_processes_of_a_cluster_are_one_holder() {
    let (folders, redis) = two();
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let start = |index: usize| {
        let process = index.to_string();
        let more = ["--process", &process, "--set", &hosts];
        Process::spawn(with_log(program(folders[index].path(), &redis, "1000")), "2", &more)
    };
    let members = [0, 1].map(start);
    members.iter().for_each(Process::wait_ready);
    let users: Vec<String> = (0..20).map(|user| format!("user{user}")).collect();
    let events = users.iter().map(|user| event("view", user, "pen", &["office"]));
    members[1].post(&events.collect());
    users.iter().for_each(|user| is_written(&redis, user, 1));
    let record = lease(&redis);
    assert_eq!(record["processes"], 2);
    let fence = record["fence"].as_u64().unwrap();
    let list: String = redis.send("CLIENT LIST");
    for part in ["worker-0", "worker-1", "worker-2", "worker-3", "keeper-0", "keeper-1"] {
        assert!(list.contains(&format!("name=recsys:{fence}:{part} ")), "{list}");
    }
    // Keys of nobody go once both have caught up.
    let _: redis::Value = redis.send("HSET user:profile:nobody office 1");
    eventually("a foreign key goes", || redis.hash("nobody") == json!({}));
    let mut check = program(folders[0].path(), &redis, "1000");
    let Output { status, stdout, .. } = check.args(["redis", "check"]).output().unwrap();
    let told = String::from_utf8(stdout).unwrap();
    assert_eq!(told, "20 profiles compared: 0 missing, 0 wrong, 0 foreign\n");
    assert_eq!(status.code(), Some(0));
    let marker = || redis.send::<Option<String>>("GET recsys:marker").unwrap_or_default();
    eventually("a marker", || marker().contains(&format!("\"fence\":{fence},")));
    let more = ["--take-over", "--set", "files.dir=third"];
    let third = Process::spawn(program(folders[0].path(), &redis, "1000"), "1", &more);
    third.wait_ready();
    // Either of the two loses it, or the other one.
    for member in members {
        let (code, log) = end(member);
        let is_loss = log.iter().any(|line| line.contains("the whole cluster must start again"));
        assert!(code == HELD || (code == Some(75) && is_loss), "{code:?} {log:#?}");
    }
}
