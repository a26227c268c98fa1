//! Redis holds what the state says, and nothing else: what was evicted, changed or left there is found and mended.

use crate::harness::{PlainRedis, Process, alone, event, eventually};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

struct Shop {
    folder: tempfile::TempDir,
    redis: PlainRedis,
    process: Process,
}

fn program(folder: &Path, redis: &PlainRedis) -> Command {
    let mut program = alone(folder);
    program.env("RECSYS_REDIS_URL", redis.url()).env("RECSYS_REDIS_LEASE_MS", "1000");
    program
}

impl Shop {
    /// An engine that compares so many profiles a second, and a Redis, with profiles of three users and a key of a
    /// deployment before.
    fn new(per_second: &str) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let redis = PlainRedis::start(folder.path());
        let _: redis::Value = redis.send("HSET user:profile:before hats 1");
        let compared = format!("redis.compared_per_second={per_second}");
        let process = Process::spawn(program(folder.path(), &redis), "2", &["--set", &compared]);
        process.wait_ready();
        let shop = Shop { folder, redis, process };
        let users = ["ann", "bob", "cem"];
        shop.process.post(&json!(users.map(|user| event("view", user, "pen", &["ink", "pen"]))));
        users.iter().for_each(|user| shop.holds(user, &json!({"ink": "1", "pen": "1"})));
        shop
    }

    /// What a user's hash must become.
    fn holds(&self, user: &str, expected: &Value) {
        eventually(&format!("{user}: {expected}"), || self.redis.hash(user) == *expected);
    }

    /// An evicted key, a foreign field, a score of others, and two foreign keys.
    fn harm(&self) {
        for line in [
            "DEL user:profile:ann",
            "HSET user:profile:bob ink 7 hats 1",
            "HSET user:profile:nobody ink 1",
            "SET user:profile:text 1",
        ] {
            let _: redis::Value = self.redis.send(line);
        }
    }

    fn are_mended(&self) {
        for user in ["ann", "bob", "cem"] {
            self.holds(user, &json!({"ink": "1", "pen": "1"}));
        }
        let foreign = "EXISTS user:profile:nobody user:profile:before user:profile:text";
        eventually("foreign keys go", || self.redis.send::<i64>(foreign) == 0);
    }

    fn mended(&self) -> [f64; 3] {
        ["missing", "wrong", "foreign"].map(|difference| {
            let label = format!("difference=\"{difference}\"");
            self.process.metric("recsys_sink_mended_total", &[&label])
        })
    }

    fn compared(&self) -> f64 {
        self.process.metric("recsys_sink_compared_total", &[])
    }

    /// Runs `recsys redis check`.
    fn check(&self, more: &[&str]) -> (Option<i32>, String) {
        let mut check = program(self.folder.path(), &self.redis);
        let Output { status, stdout, stderr } =
            check.args(["redis", "check"]).args(more).output().unwrap();
        (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn what_was_evicted_or_written_by_others_is_mended_by_itself() {
    let shop = Shop::new("200");
    shop.holds("before", &json!({}));
    shop.harm();
    shop.are_mended();
    eventually("all is counted", || shop.mended() == [1.0, 1.0, 3.0]);
    let compared = shop.compared();
    eventually("another round", || shop.compared() >= compared + 3.0);
    assert_eq!(shop.mended(), [1.0, 1.0, 3.0], "nothing is mended twice");
    assert_eq!(shop.check(&[]).0, Some(0));
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn all_of_redis_is_compared_at_once_and_mended_when_that_is_asked_for() {
    let shop = Shop::new("0");
    let (code, told) = shop.check(&[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("foreign  user:profile:before\n"), "{told}");
    assert!(told.contains("3 profiles compared: 0 missing, 0 wrong, 1 foreign\n"), "{told}");
    shop.harm();
    let (code, told) = shop.check(&[]);
    assert_eq!(code, Some(1), "{told}");
    for line in [
        "missing  user:profile:ann\n",
        "wrong    user:profile:bob  ink is 7, not 1, pen is 1\n",
        "foreign  user:profile:nobody\n",
        "foreign  user:profile:text  is no hash\n",
        "3 profiles compared: 1 missing, 1 wrong, 3 foreign\n",
        "Redis differs from the state at 5 keys; --repair mends them",
    ] {
        let line = line.replace("pen is 1", "hats is foreign");
        assert!(told.contains(&line), "{line}: {told}");
    }
    assert_eq!(shop.redis.hash("nobody"), json!({"ink": "1"}), "nothing is mended yet");
    let (code, told) = shop.check(&["--repair"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("all of it is mended"), "{told}");
    // It answers when Redis has it.
    assert_eq!(shop.redis.hash("ann"), json!({"ink": "1", "pen": "1"}));
    assert_eq!(shop.redis.hash("nobody"), json!({}));
    shop.are_mended();
    let (code, told) = shop.check(&[]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told, "3 profiles compared: 0 missing, 0 wrong, 0 foreign\n");
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn nothing_differs_while_events_come() {
    let shop = Shop::new("1000");
    shop.holds("before", &json!({}));
    let (stop, stopped) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let process = &shop.process;
        scope.spawn(move || {
            for turn in 0_u32.. {
                let click = |number: u32| {
                    let (user, tag) = ((turn + number) % 97, (turn * number) % 11);
                    event("view", &format!("user{user}"), "pen", &[&format!("tag{tag}")])
                };
                process.post(&(0..50).map(click).collect());
                if stopped.try_recv().is_ok() {
                    return;
                }
            }
        });
        let checked: Vec<_> = (0..10).map(|_| shop.check(&[])).collect();
        stop.send(()).unwrap();
        for (code, told) in checked {
            assert_eq!(code, Some(0), "{told}");
        }
    });
    assert_eq!(shop.mended()[..2], [0.0, 0.0]);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn a_visitor_who_left_has_no_key_whoever_writes_it() {
    let shop = Shop::new("200");
    shop.process.post(&json!([event("view", "dan", "pen", &["ink"])]));
    shop.holds("dan", &json!({"ink": "1"}));
    shop.process.call("POST", "/api/users/dan/forget?wait=visible", "");
    shop.holds("dan", &json!({}));
    // Somebody restores a copy.
    let _: redis::Value = shop.redis.send("HSET user:profile:dan ink 1");
    shop.holds("dan", &json!({}));
}

/// What somebody did counts for an account, and what they do later is their own. The account's worker knows both names;
/// the key of each is its own worker's alone.
#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn whose_past_became_somebody_elses_keeps_a_key_of_their_own() {
    let shop = Shop::new("1000");
    let view = |user: &String| event("view", user, "pen", &["ink"]);
    let users: Vec<String> = (0..20).map(|user| format!("user{user}")).collect();
    let post = || shop.process.post(&users.iter().map(view).collect());
    post();
    users.iter().for_each(|user| shop.process.merge(&format!("{user}-account"), user));
    post();
    for weight in [1, 2, 3] {
        shop.process.weigh(weight);
        let expected = json!({"ink": weight.to_string()});
        for user in &users {
            shop.holds(user, &expected);
            shop.holds(&format!("{user}-account"), &expected);
        }
        let (code, told) = shop.check(&[]);
        assert_eq!(code, Some(0), "{told}");
    }
    let compared = shop.compared();
    eventually("another round", || shop.compared() >= compared + 43.0);
    assert_eq!(shop.mended()[..2], [0.0, 0.0]);
    users.iter().for_each(|user| assert_eq!(shop.redis.hash(user), json!({"ink": "3"}), "{user}"));
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn the_marker_tells_the_positions_that_redis_holds() {
    let shop = Shop::new("200");
    let marker = || -> Value {
        let marker: Option<String> = shop.redis.send("GET recsys:marker");
        marker.map_or(Value::Null, |marker| serde_json::from_str(&marker).unwrap())
    };
    let read = || marker()["positions"]["view-events/0"].as_u64();
    let is_whole = || {
        let file = shop.folder.path().join("data/view-events.jsonl");
        let length = file.metadata().unwrap().len();
        eventually("all that was read", || read() == Some(length));
    };
    is_whole();
    let view = || shop.process.post(&json!([event("view", "ann", "pen", &["nib"])]));
    view();
    is_whole();
    assert_eq!(shop.redis.hash("ann")["nib"], "1");
    let before = read();
    // What Redis does not take is in no marker.
    let _: redis::Value = shop.redis.send("CONFIG SET maxmemory 1");
    view();
    let tries = || shop.process.metric("recsys_sink_errors_total", &["error=\"OOM\""]);
    eventually("ten tries", || tries() >= 10.0);
    assert_eq!(read(), before);
    let _: redis::Value = shop.redis.send("CONFIG SET maxmemory 0");
    is_whole();
    assert_eq!(shop.redis.hash("ann")["nib"], "2");
    // It is lost with the rest, and comes back after it.
    let as_of = marker()["asOf"].as_u64();
    let _: redis::Value = shop.redis.send("FLUSHALL");
    eventually("it is back", || !marker().is_null());
    assert_eq!(shop.redis.hash("ann")["nib"], "2");
    assert!(marker()["asOf"].as_u64() > as_of);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn without_an_engine_there_is_nobody_to_ask() {
    let mut shop = Shop::new("0");
    shop.process.signal("TERM");
    assert!(shop.process.wait().success());
    let (code, told) = shop.check(&[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("no engine holds this Redis"), "{told}");
}
