//! Redis with sentinels: profiles are written to whichever is the master, and hold after it was lost with what it had
//! acknowledged.

use crate::harness::{Process, alone, event, eventually, told, with_log};
use crate::secure::{Secure, said};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A Redis with a replica and three sentinels.
const SET: &[&str] = &["redis", "redis-replica", "sentinel"];

/// The program with the sentinels, and no other service.
fn program(set: &Secure, folder: &Path) -> Command {
    let mut program = alone(folder);
    let sentinels = set.ports.sentinels.map(|port| format!("127.0.0.1:{port}"));
    program
        // Its host is nobody's.
        .env("RECSYS_REDIS_URL", set.redis_url("mymaster"))
        .env("RECSYS_REDIS_CA_FILE", set.file("ca.pem"))
        .env("RECSYS_REDIS_SENTINELS", sentinels.join(","))
        .env("RECSYS_REDIS_SENTINEL_PASSWORD", "recsys-secret")
        .env("RECSYS_REDIS_LEASE_MS", "2000")
        .env("RECSYS_REDIS_TIMEOUT_MS", "1000");
    program
}

struct Shop<'a> {
    set: &'a Secure,
    process: Process,
    users: Vec<String>,
}

impl Shop<'_> {
    /// Posts an event of each user.
    fn post(&self, tag: &str) {
        let events = self.users.iter().map(|user| event("view", user, "cup", &["cups", tag]));
        self.process.post(&Value::from_iter(events));
    }

    fn hash(&self, port: u16, user: &str) -> Option<Value> {
        let mut connection = self.set.redis(port, "recsys-secret").ok()?;
        let key = format!("user:profile:{user}");
        let fields = redis::cmd("HGETALL").arg(key).query(&mut connection);
        fields.ok().map(|fields: BTreeMap<String, String>| json!(fields))
    }

    /// The users whose key at a port is not what the engine answers.
    fn differing(&self, port: u16) -> Vec<String> {
        let profiles = self.process.profiles(&self.users);
        let texts = |user: &str| {
            let profile = profiles[user].as_object().unwrap();
            let texts = profile.iter().map(|(tag, score)| (tag.clone(), json!(score.to_string())));
            Value::from_iter(texts)
        };
        let differs = |user: &&String| self.hash(port, user) != Some(texts(user));
        self.users.iter().filter(differs).cloned().collect()
    }

    fn holds(&self, what: &str, port: u16) {
        eventually(what, || self.differing(port).is_empty());
    }

    /// Waits until the marker at a port tells that all of before is there. By then it must be.
    fn is_marked(&self, what: &str, port: u16) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        eventually(what, || self.marked(port).is_some_and(|as_of| u128::from(as_of) > now));
        assert_eq!(self.differing(port), Vec::<String>::new(), "{what}");
    }

    fn marked(&self, port: u16) -> Option<u64> {
        let mut connection = self.set.redis(port, "recsys-secret").ok()?;
        let marker: Option<String> =
            redis::cmd("GET").arg("recsys:marker").query(&mut connection).ok()?;
        serde_json::from_str::<Value>(&marker?).ok()?["asOf"].as_u64()
    }

    fn role(&self, port: u16) -> Option<String> {
        let mut connection = self.set.redis(port, "recsys-secret").ok()?;
        let info: String = redis::cmd("INFO").arg("replication").query(&mut connection).ok()?;
        if info.contains("master_link_status:down") {
            return None;
        }
        info.lines().find_map(|line| line.strip_prefix("role:").map(str::to_owned))
    }
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn profiles_follow_the_master_and_what_it_took_along_is_written_again() {
    let set = Secure::start(SET);
    let folder = tempfile::tempdir().unwrap();
    let process = Process::spawn(with_log(program(&set, folder.path())), "2", &[]);
    process.wait_ready();
    let users = (0..200).map(|user| format!("user{user}")).collect();
    let mut shop = Shop { set: &set, process, users };
    let [first, second] = [set.ports.redis, set.ports.replica];
    shop.post("first");
    shop.is_marked("the first master", first);

    // The replica misses what the master acknowledges from here on. One that only stands still would find it in its socket.
    set.script(&["down", "redis-replica"]);
    shop.post("lost");
    shop.is_marked("what the replica has not heard", first);
    set.script(&["kill", "redis"]);
    shop.post("without a master");
    set.script(&["up", "redis-replica"]);
    shop.is_marked("the second master", second);

    // The first one comes back with nothing, as a replica.
    set.script(&["up", "redis"]);
    eventually("it follows", || shop.role(first).as_deref() == Some("slave"));
    shop.post("with a replica again");
    shop.is_marked("the second master goes on", second);

    // The master stands still, and does not know that it is none any more when it goes on.
    set.script(&["freeze", "redis-replica"]);
    shop.post("into a frozen one");
    shop.is_marked("the first one again", first);
    set.script(&["thaw", "redis-replica"]);
    eventually("it follows", || shop.role(second).as_deref() == Some("slave"));
    shop.post("at last");
    shop.is_marked("the end", first);
    shop.holds("the replica has it as well", second);

    let (done, output) = said(program(&set, folder.path()), &["redis", "check"]);
    assert!(done && output.contains("0 missing, 0 wrong, 0 foreign"), "{output}");
    assert_eq!(told(&shop.process, "/api/status")["services"], json!({}));
    shop.process.signal("TERM");
    let log: Vec<String> = shop.process.log().collect();
    assert!(shop.process.wait().success());
    let moves = log.iter().filter(|line| line.contains("another Redis is the master now"));
    assert_eq!(moves.count(), 2, "{log:#?}");
    assert!(log.iter().any(|line| line.contains("Redis has lost data")), "{log:#?}");
}

#[test]
#[ignore = "needs the services that scripts/test installs"]
fn sentinels_that_refuse_are_told_as_what_they_are() {
    let set = Secure::start(SET);
    let folder = tempfile::tempdir().unwrap();
    let (done, output) = said(program(&set, folder.path()), &["check", "redis"]);
    assert!(done, "{output}");
    for (name, value, expected) in [
        (
            "SENTINEL_PASSWORD",
            "wrong",
            "the sentinel refuses the user or the password of redis.sentinel_password",
        ),
        (
            "SENTINEL_PASSWORD",
            "",
            "the sentinel wants a password, and redis.sentinel_password has none (NOAUTH)",
        ),
        ("SENTINEL_MASTER", "other", "knows no master other (redis.sentinel_master)"),
        ("CA_FILE", "", "TLS with the sentinel fails: its certificate comes from no authority"),
        ("SENTINELS", "127.0.0.1:1", "127.0.0.1:1: "),
    ] {
        let wrong = || {
            let mut program = program(&set, folder.path());
            program.env(format!("RECSYS_REDIS_{name}"), value);
            program
        };
        let (done, output) = said(wrong(), &["check", "redis"]);
        let told_first = "no sentinel tells where the master is: ";
        assert!(!done && output.contains(told_first) && output.contains(expected), "{output}");
        let mut process = Process::spawn(with_log(wrong()), "1", &[]);
        eventually(expected, || {
            let told = told(&process, "/api/status");
            told["services"]["redis"].as_str().unwrap_or_default().contains(expected)
        });
        process.signal("TERM");
        let log: Vec<String> = process.log().collect();
        process.wait();
        assert!(log.iter().any(|line| line.contains(expected)), "{expected}: {log:#?}");
    }
}
