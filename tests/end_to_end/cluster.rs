//! Two processes of one cluster, of which one is stopped, killed or frozen: what the other does.

use crate::harness::{Process, alone, eventually, free_port};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A process with its log.
struct Member {
    process: Process,
    log: Box<dyn Iterator<Item = String>>,
}

impl Member {
    fn start(folder: &Path, hosts: &str, index: &str) -> Member {
        let mut program = alone(folder);
        program.stderr(Stdio::piped());
        let files = format!("files.dir={index}");
        let more = ["--process", index, "--set", hosts, "--set", &files];
        let more = [&more[..], &["--set", "cluster.peer_timeout_ms=1000"]].concat();
        let mut process = Process::spawn(program, "2", &more);
        let log = Box::new(process.log());
        Member { process, log }
    }

    /// Two of them that serve, and the port of the second.
    fn pair(folder: &Path) -> ([Member; 2], u16) {
        let ports = [free_port(), free_port()];
        let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
        let mut members = ["0", "1"].map(|index| Member::start(folder, &hosts, index));
        for member in &mut members {
            assert!(member.log.any(|line| line.contains("serving")), "the log ended before that");
        }
        (members, ports[1])
    }
}

/// Process 1 is sent a signal; process 0 must end soon, by itself, with an error and one line that
/// tells it.
fn check(signal: &str, told: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ([mut first, second], port) = Member::pair(folder.path());
    let sent = Instant::now();
    second.process.signal(signal);
    let said: Vec<_> = first.log.collect();
    assert!(sent.elapsed() < Duration::from_secs(10), "{signal}: {:?}", sent.elapsed());
    assert_eq!(first.process.wait().code(), Some(1), "{signal}: {said:#?}");
    let line =
        format!("recsys: process 1 (127.0.0.1:{port}) {told}; the whole cluster must start again");
    let failures: Vec<_> = said.iter().filter(|line| !line.contains(" INFO ")).collect();
    assert_eq!(failures, [&line], "{signal}: {said:#?}");
}

#[test]
fn a_process_that_loses_another_ends_with_one_clear_line() {
    check("KILL", "is gone: its connection has ended");
    check("STOP", "is lost: no sign of life for 1s");
    check("TERM", "has stopped");
}

/// Events of many users, some of them guests, with tags and without.
fn events(count: u64) -> impl Iterator<Item = Value> {
    (0..count).map(|number| {
        let mut event = json!({
            "product": format!("product{}", number % 17),
            "timestamp": 1_750_000_000_000 + number * 60_000,
        });
        let name = if number % 3 == 0 { "sessionId" } else { "userId" };
        event[name] = format!("user{}", number % 41).into();
        if number % 2 == 0 {
            event["tags"] = json!([format!("tag{}", number % 5), "all"]);
        }
        event
    })
}

#[test]
fn digests_are_the_same_in_one_process_and_in_two() {
    let folder = tempfile::tempdir().unwrap();
    let write = |data: &str, topic: &str, records: &[Value]| {
        let data = folder.path().join(data);
        std::fs::create_dir_all(&data).unwrap();
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(data.join(topic).with_extension("jsonl"), lines).unwrap();
    };
    let views: Vec<Value> = events(900).collect();
    let purchases: Vec<Value> = events(60).collect();
    let rows = (1..9).map(|product| json!({"id": format!("product{product}"), "tags": ["listed"]}));
    let rows: Vec<Value> = rows.collect();
    let merge = json!({"userId": "user1", "from": "user3", "timestamp": 1_750_000_900_000_u64});
    // Each topic is read by one of the processes, from its own folder.
    for data in ["data", "0", "1"] {
        write(data, "view-events", &views);
        write(data, "purchase-events", &purchases);
        write(data, "product-catalog", &rows);
        write(data, "user-merges", std::slice::from_ref(&merge));
    }
    let of = |process: &Process| process.get("/api/status")["digests"]["views"].clone();
    let expected = of(&Process::embedded(folder.path(), "1"));
    assert_eq!(expected.as_object().unwrap().len(), 9, "{expected}");
    let distinct: std::collections::BTreeSet<_> =
        expected.as_object().unwrap().values().map(Value::to_string).collect();
    assert_eq!(distinct.len(), 9, "{expected}");
    let (members, _) = Member::pair(folder.path());
    for Member { process, .. } in &members {
        process.wait_ready();
        eventually("the same digests", || of(process) == expected);
        let mut status = alone(folder.path());
        status.env("RECSYS_HTTP_LISTEN", format!("127.0.0.1:{}", process.port)).arg("status");
        let status: Value = serde_json::from_slice(&status.output().unwrap().stdout).unwrap();
        assert_eq!(status["digests"]["views"], expected);
    }
    drop(members);
    let process = Process::embedded(folder.path(), "3");
    assert_eq!(of(&process), expected);
    process.post(&json!([{"eventType": "view", "userId": "user1", "product": "product1"}]));
    assert_ne!(of(&process), expected);
}

#[test]
fn processes_that_are_all_stopped_end_well() {
    let folder = tempfile::tempdir().unwrap();
    let (members, _) = Member::pair(folder.path());
    for member in &members {
        member.process.signal("TERM");
    }
    for mut member in members {
        let said: Vec<_> = member.log.collect();
        assert!(member.process.wait().success(), "{said:#?}");
    }
}
