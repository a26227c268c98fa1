//! What a start writes to Redis: nothing but what is new, after an engine that was told to stop; everything, after any other.

use crate::harness::{PlainRedis, Process, alone, event, eventually, free_port, with_log};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const USERS: usize = 500;

/// A folder, a Redis, and the fields that were written there when the engine before ended.
struct Shop {
    folder: TempDir,
    redis: PlainRedis,
}

impl Shop {
    fn new() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let redis = PlainRedis::start(folder.path());
        Shop { folder, redis }
    }

    fn program(&self, folder: &Path) -> Command {
        let mut program = alone(folder);
        program
            .env("RECSYS_FILES_DIR", self.folder.path().join("data"))
            .env("RECSYS_REDIS_URL", self.redis.url())
            .env("RECSYS_REDIS_LEASE_MS", "1000")
            // What is compared would mend what a start leaves out.
            .env("RECSYS_REDIS_COMPARED_PER_SECOND", "0");
        with_log(program)
    }

    fn start(&self, workers: &str) -> Process {
        let process = Process::spawn(self.program(self.folder.path()), workers, &[]);
        process.wait_ready();
        process
    }

    /// An engine that has got events of many users, all of which are in Redis.
    fn filled(&self) -> Process {
        let process = self.start("2");
        let events =
            (0..USERS).map(|user| event("view", &format!("user{user}"), "pen", &["office"]));
        process.post(&events.collect());
        self.holds(1);
        process
    }

    /// Waits until Redis holds so many views of all.
    fn holds(&self, views: u32) {
        let expected = json!({"office": views.to_string()});
        eventually("Redis holds all", || {
            (0..USERS).all(|user| self.redis.hash(&format!("user{user}")) == expected)
        });
    }

    /// The commands that have written fields of profiles, since the beginning. Others of this kind write seals.
    fn writes(&self) -> u64 {
        let stats: String = self.redis.send("INFO commandstats");
        let of_hset = stats.lines().find_map(|line| line.strip_prefix("cmdstat_hset:calls="));
        of_hset.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }

    fn stop(&self, mut process: Process) {
        process.signal("TERM");
        assert!(process.wait().success());
    }

    /// Whether a start writes all users anew, or at most the seal.
    fn writes_anew(&self, workers: &str) -> bool {
        let before = self.writes();
        let process = self.start(workers);
        // What comes goes behind all that is to be written.
        process.post(&json!([event("view", "last", "pen", &["office"])]));
        eventually("it is written", || self.redis.hash("last") != json!({}));
        let marks = || self.redis.send::<Option<String>>("GET recsys:marker");
        let marker = marks();
        eventually("all is written", || {
            marks() != marker && process.metric("recsys_sink_pending_users", &[]) == 0.0
        });
        let written = self.writes() - before;
        self.is_right(&process);
        process.kill();
        match written {
            0..10 => false,
            _ if written >= USERS as u64 => true,
            _ => panic!("{written} profiles were written"),
        }
    }

    /// Compares everything at once.
    fn is_right(&self, process: &Process) {
        let _ = process;
        let checked = self.program(self.folder.path()).args(["redis", "check"]).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn after_a_clean_stop_only_what_is_new_is_written() {
    let shop = Shop::new();
    shop.stop(shop.filled());
    assert!(!shop.writes_anew("2"));
    // That one was killed.
    assert!(shop.writes_anew("1"));
    let process = shop.start("3");
    shop.stop(process);
    assert!(!shop.writes_anew("1"), "the number of workers is another");
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn what_came_while_no_engine_ran_is_written() {
    let shop = Shop::new();
    shop.stop(shop.filled());
    let other = tempfile::tempdir().unwrap();
    // An engine without Redis reads and writes the same topics.
    let mut program = shop.program(other.path());
    program.env("RECSYS_REDIS_URL", "").env("RECSYS_CHECKPOINT_URL", "");
    let process = Process::spawn(program, "1", &[]);
    process.wait_ready();
    process.post(&json!([event("view", "user7", "pen", &["office", "blue"])]));
    shop.stop(process);
    let before = shop.writes();
    let process = shop.start("2");
    let expected = json!({"office": "2", "blue": "1"});
    eventually("it is written", || shop.redis.hash("user7") == expected);
    assert!(shop.writes() - before < 10);
    shop.is_right(&process);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn after_any_doubt_all_is_written_anew() {
    type Doubt<'a> = (&'a str, &'a dyn Fn(&Shop));
    let cases: [Doubt<'_>; 7] = [
        ("Redis was emptied", &|shop| shop.redis.send::<()>("FLUSHALL")),
        ("a profile was lost", &|shop| {
            assert_eq!(shop.redis.send::<u32>("DEL user:profile:user3"), 1);
        }),
        ("there is no seal", &|shop| {
            assert_eq!(shop.redis.send::<u32>("DEL recsys:seal"), 1);
        }),
        ("somebody else wrote", &|shop| {
            shop.redis.send::<()>("SET recsys:marker:1 other:1");
        }),
        ("a marker is none any more", &|shop| {
            assert_eq!(shop.redis.send::<u32>("DEL recsys:marker:1"), 1);
            assert_eq!(shop.redis.send::<u32>("HSET recsys:marker:1 other 1"), 1);
        }),
        ("somebody else had it, and was killed", &|shop| {
            let other = tempfile::tempdir().unwrap();
            let mut program = shop.program(other.path());
            program.env("RECSYS_FILES_DIR", other.path());
            let process = Process::spawn(program, "1", &[]);
            process.wait_ready();
            process.kill();
        }),
        ("other weights are in force", &|shop| {
            let set = [
                "config",
                "set",
                "/config/recommendation/weights",
                r#"{"view":2,"add_to_cart":3,"purchase":5}"#,
            ];
            let set = shop.program(shop.folder.path()).args(set).output().unwrap();
            assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
        }),
    ];
    for (what, happens) in cases {
        let shop = Shop::new();
        shop.stop(shop.filled());
        happens(&shop);
        assert!(shop.writes_anew("2"), "{what}");
    }
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn what_redis_loses_during_the_start_is_written() {
    let shop = Shop::new();
    shop.stop(shop.filled());
    let process = Process::spawn(shop.program(shop.folder.path()), "2", &[]);
    eventually("it is held", || {
        shop.redis
            .send::<Option<String>>("GET recsys:lease")
            .is_some_and(|lease| lease.contains(r#""is_granted":true"#))
    });
    shop.redis.send::<()>("FLUSHALL");
    process.wait_ready();
    shop.holds(1);
}

#[test]
#[ignore = "needs the redis-server that scripts/test installs"]
fn a_cluster_writes_all_anew() {
    let shop = Shop::new();
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let start = |process| {
        let more = ["--set", &hosts, "--process", process];
        Process::spawn(shop.program(shop.folder.path()), "1", &more)
    };
    let both = || {
        let both = ["0", "1"].map(start);
        both.iter().for_each(Process::wait_ready);
        both
    };
    let processes = both();
    let events = (0..USERS).map(|user| event("view", &format!("user{user}"), "pen", &["office"]));
    processes[0].post(&events.collect());
    shop.holds(1);
    let mut processes = processes;
    processes.iter().for_each(|process| process.signal("TERM"));
    processes.iter_mut().for_each(|process| assert!(process.wait().success()));
    assert_eq!(shop.redis.send::<u32>("EXISTS recsys:seal"), 0);
    let before = shop.writes();
    let _processes = both();
    eventually("all is written", || shop.writes() >= before + USERS as u64);
}
