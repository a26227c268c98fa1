//! The whole, against real Kafka, Redis and ZooKeeper.
//!
//! `scripts/test` starts the services and says where they are; without them these tests fail.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The services are one set: one test at a time.
static SERVICES: Mutex<()> = Mutex::new(());

fn services() -> MutexGuard<'static, ()> {
    SERVICES.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn service(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run these tests by scripts/test"))
}

/// Calls `scripts/services`, which knows by its environment which set is meant.
fn script(arguments: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services");
    let status = Command::new(script).args(arguments).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "scripts/services {arguments:?}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn recsys(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recsys"));
    command
        .args(arguments)
        .env("RECSYS_KAFKA_BROKERS", service("RECSYS_TEST_KAFKA"))
        .env("RECSYS_REDIS_URL", service("RECSYS_TEST_REDIS"))
        .env("RECSYS_ZOOKEEPER_HOSTS", service("RECSYS_TEST_ZOOKEEPER"));
    command
}

/// A process of the engine, killed when dropped.
struct Process {
    child: Child,
    port: u16,
}

impl Process {
    fn start(workers: &str, more: &[&str]) -> Process {
        let topics = recsys(&["topics", "create"]).stdout(Stdio::null()).status().unwrap();
        assert!(topics.success());
        let port = free_port();
        let listen = format!("http.listen=127.0.0.1:{port}");
        let child = recsys(&["run", "-w", workers, "--set", &listen]).args(more).spawn().unwrap();
        Process { child, port }
    }

    fn ready(workers: &str) -> Process {
        let process = Process::start(workers, &[]);
        process.wait_ready();
        process
    }

    fn wait_ready(&self) {
        eventually("ready", || self.try_call("GET", "/readyz", "").is_some_and(|r| r.0 == 200));
    }

    fn try_call(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_string()))
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_call("GET", path, "").expect("the front answers");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Posts events and waits until they are visible.
    fn post(&self, events: &Value) {
        let path = "/api/user-behavior?wait=visible";
        let (status, body) = self.try_call("POST", path, &events.to_string()).unwrap();
        assert_eq!(status, 201, "{body}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again until it holds; what is awaited has no other sign.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn redis_hash(user: &str) -> Option<Value> {
    let client = redis::Client::open(service("RECSYS_TEST_REDIS")).unwrap();
    let mut connection = client.get_connection().ok()?;
    let fields: std::collections::BTreeMap<String, String> =
        redis::cmd("HGETALL").arg(format!("user:profile:{user}")).query(&mut connection).ok()?;
    Some(json!(fields))
}

fn event(kind: &str, user: &str, product: &str, tags: &[&str]) -> Value {
    json!({"eventType": kind, "userId": user, "product": product, "tags": tags})
}

fn set_weights(process: &Process, view: u32) {
    let weights = json!({"view": view, "add_to_cart": 3, "purchase": 5}).to_string();
    let (status, body) = process.try_call("POST", "/api/recommendation/weights", &weights).unwrap();
    assert_eq!(status, 200, "{body}");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn events_of_all_topics_become_profiles_and_recommendations() {
    let _services = services();
    let process = Process::ready("2");
    set_weights(&process, 1);
    process.post(&json!([
        event("view", "ann", "lamp", &["light", "home"]),
        event("add_to_cart", "ann", "desk", &["home"]),
        event("purchase", "ann", "chair", &["home"]),
        event("view", "bob", "bulb", &["light"]),
        event("view", "bob", "rug", &["home"]),
    ]));
    eventually("weights", || {
        process.get("/api/user-profile/ann") == json!({"home": 9, "light": 1})
    });
    eventually("redis", || redis_hash("ann") == Some(json!({"home": "9", "light": "1"})));
    assert_eq!(process.get("/api/user-profile/nobody"), json!({}));
    let shown = process.get("/api/recommendations/ann?n=50");
    let ids: Vec<_> = shown.as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"rug") && ids.contains(&"bulb"), "{ids:?}");
    assert!(!ids.contains(&"chair"), "what has been bought is not shown: {ids:?}");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn new_weights_score_all_history_anew() {
    let _services = services();
    let process = Process::ready("2");
    set_weights(&process, 1);
    process.post(&json!([event("view", "cid", "cap", &["hats"])]));
    for view in [7, 2] {
        set_weights(&process, view);
        let score = json!({"hats": view});
        eventually("read", || process.get("/api/user-profile/cid") == score);
        let written = Some(json!({"hats": view.to_string()}));
        eventually("redis", || redis_hash("cid") == written);
    }
    script(&["restart", "zookeeper"]);
    eventually("zookeeper", || {
        let weights = json!({"view": 4, "add_to_cart": 3, "purchase": 5}).to_string();
        let path = "/api/config/recommendation/weights";
        process.try_call("PUT", path, &weights).is_some_and(|(status, _)| status < 300)
    });
    eventually("after the restart", || process.get("/api/user-profile/cid") == json!({"hats": 4}));
    eventually("redis", || redis_hash("cid") == Some(json!({"hats": "4"})));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn redis_that_was_away_or_lost_its_data_is_healed() {
    let _services = services();
    let process = Process::ready("2");
    set_weights(&process, 1);
    process.post(&json!([event("view", "dan", "pen", &["office"])]));
    let written = |score: &str| Some(json!({"office": score}));
    eventually("written", || redis_hash("dan") == written("1"));
    let client = redis::Client::open(service("RECSYS_TEST_REDIS")).unwrap();
    let mut connection = client.get_connection().unwrap();
    let _: String = redis::cmd("FLUSHALL").query(&mut connection).unwrap();
    eventually("healed", || redis_hash("dan") == written("1"));
    script(&["down", "redis"]);
    process.post(&json!([event("view", "dan", "pen", &["office"])]));
    assert_eq!(process.get("/api/user-profile/dan"), json!({"office": 2}));
    script(&["up", "redis"]);
    eventually("caught up", || redis_hash("dan") == written("2"));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_broker_lost_under_load_loses_and_doubles_nothing() {
    let _services = services();
    let process = Process::ready("2");
    set_weights(&process, 1);
    let clicks = |n: usize| json!(vec![event("view", "eva", "map", &["travel"]); n]);
    process.post(&clicks(100));
    script(&["kill-broker", "2"]);
    for _ in 0..5 {
        process.post(&clicks(100));
    }
    script(&["start-broker", "2"]);
    process.post(&clicks(100));
    assert_eq!(process.get("/api/user-profile/eva"), json!({"travel": 700}));
    eventually("redis", || redis_hash("eva") == Some(json!({"travel": "700"})));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn what_is_no_event_is_a_dead_letter() {
    use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
    let _services = services();
    let process = Process::ready("1");
    let producer: ThreadedProducer<_> = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", service("RECSYS_TEST_KAFKA"))
        .create_with_context(rdkafka::producer::DefaultProducerContext)
        .unwrap();
    producer.send(BaseRecord::<(), _>::to("view-events").payload("Hello Kafka")).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
    let count = "recsys_dead_letters_total{reason=\"not_json\",topic=\"view-events\"}";
    eventually("counted", || {
        let (_, metrics) = process.try_call("GET", "/metrics", "").unwrap();
        metrics.lines().any(|line| line.starts_with(count) && !line.ends_with(" 0"))
    });
    process.post(&json!([event("view", "fay", "toy", &["games"])]));
    assert!(process.get("/api/user-profile/fay")["games"].is_number());
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn two_processes_answer_as_one_does() {
    let _services = services();
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let asks = ["/api/user-profile/gus", "/api/recommendations/gus?n=20", "/api/trending?n=20"];
    let events: Vec<Value> = (0..30)
        .map(|i| {
            let (user, product, tag) = (i % 3, format!("thing{}", i % 7), format!("tag{}", i % 4));
            event("view", ["gus", "hal", "ida"][user], &product, &[&tag])
        })
        .collect();
    let one = Process::ready("1");
    set_weights(&one, 1);
    one.post(&json!(events));
    let expected: Vec<Value> = asks.iter().map(|ask| one.get(ask)).collect();
    drop(one);
    let two =
        ["0", "1"].map(|process| Process::start("2", &["--set", &hosts, "--process", process]));
    for process in &two {
        process.wait_ready();
        for (ask, expected) in asks.iter().zip(&expected) {
            eventually(ask, || process.get(ask) == *expected);
        }
    }
    two[1].post(&json!([event("view", "gus", "new", &["fresh"])]));
    assert_eq!(two[0].get("/api/user-profile/gus")["fresh"], json!(1));
}
