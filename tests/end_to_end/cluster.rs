//! The processes of one cluster, of which one is stopped, killed, frozen or paused: what the others do.

use crate::harness::{Process, alone, event, eventually, free_port};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The time within which a process ends that has lost another one.
const END: Duration = Duration::from_secs(10);

/// A process with its log.
struct Member {
    process: Process,
    log: Box<dyn Iterator<Item = String>>,
}

/// The processes of a cluster, which may be started again.
struct Hosts<'a> {
    folder: &'a Path,
    ports: Vec<u16>,
}

impl Hosts<'_> {
    fn new(folder: &Path, processes: usize) -> Hosts<'_> {
        Hosts { folder, ports: (0..processes).map(|_| free_port()).collect() }
    }

    /// How one of them is named that is lost.
    fn told(&self, index: usize, how: &str) -> String {
        format!("{index} (127.0.0.1:{}) {how}", self.ports[index])
    }

    /// Starts one of them. All have the same folder.
    fn start(&self, index: usize, more: &[&str]) -> Member {
        let mut program = alone(self.folder);
        program.stderr(Stdio::piped());
        let hosts: Vec<_> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let hosts = format!("hosts={}", hosts.join(","));
        let index = index.to_string();
        let own = ["--process", &*index, "--set", &*hosts, "--set", "workers=2"];
        let mut process = Process::begin(program, &[&own[..], more].concat());
        let log = Box::new(process.log());
        Member { process, log }
    }

    /// Starts them in an order, and waits until all serve. Returns them in that order.
    fn serve(&self, order: &[usize]) -> Vec<Member> {
        let mut members: Vec<_> = order.iter().map(|index| self.start(*index, &[])).collect();
        members.iter_mut().for_each(|member| member.says("serving"));
        members
    }
}

impl Member {
    /// Waits for a line of the log.
    fn says(&mut self, part: &str) {
        assert!(self.log.any(|line| line.contains(part)), "the log ended before {part:?}");
    }

    /// Waits for the end, which must be soon, and because of another process: one line tells it, one of these.
    fn ends_without(mut self, since: Instant, told: &[String]) {
        let said: Vec<_> = self.log.collect();
        let code = self.process.wait().code();
        assert!(since.elapsed() < END, "{told:?}: {:?}, {said:#?}", since.elapsed());
        assert_eq!(code, Some(75), "{told:?}: {said:#?}");
        let line = |told| format!("recsys: process {told}; the whole cluster must start again");
        let failures: Vec<_> = said.iter().filter(|line| !line.contains(" INFO ")).collect();
        let [failure] = &failures[..] else { panic!("{said:#?}") };
        assert!(told.iter().any(|told| line(told) == **failure), "{told:?}: {said:#?}");
    }
}

/// The last of some processes is sent a signal; the others must end soon, by themselves, with one line
/// that tells it.
fn check(processes: usize, signal: &str, told: &str) {
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::new(folder.path(), processes);
    let order: Vec<_> = (0..processes).collect();
    let mut members = hosts.serve(&order);
    let last = members.pop().unwrap();
    let sent = Instant::now();
    last.process.signal(signal);
    let lost = order.len() - 1;
    let mut told = vec![hosts.told(lost, told)];
    // Of several that lose it the first may end before the others have noticed.
    let alone = "ends, as it has lost another process";
    told.extend((0..lost).map(|other| hosts.told(other, alone)).filter(|_| lost > 1));
    for member in members {
        member.ends_without(sent, &told);
    }
}

#[test]
fn a_process_that_loses_another_ends_with_one_clear_line() {
    check(2, "KILL", "is gone: its connection has ended");
    check(2, "STOP", "is lost: no sign of life for 5s");
    check(2, "TERM", "has stopped");
}

#[test]
fn all_others_end_when_one_is_frozen() {
    check(3, "STOP", "is lost: no sign of life for 5s");
}

#[test]
fn a_process_that_waits_for_a_service_ends_without_another_as_well() {
    // It takes connections, and says nothing.
    let redis = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis.url=redis://{}", redis.local_addr().unwrap());
    let more = ["--set", &*url, "--set", "redis.timeout_ms=60000"];
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::new(folder.path(), 2);
    let [mut first, mut second] = [0, 1].map(|index| hosts.start(index, &more));
    first.says("all processes are connected");
    second.says("all processes are connected");
    let sent = Instant::now();
    second.process.signal("KILL");
    first.ends_without(sent, &[hosts.told(1, "is gone: its connection has ended")]);
}

#[test]
fn a_pause_of_three_seconds_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut members = Hosts::new(folder.path(), 2).serve(&[0, 1]);
    for paused in [&[0][..], &[1], &[0, 1]] {
        paused.iter().for_each(|index| members[*index].process.signal("STOP"));
        let resumes = Instant::now() + Duration::from_secs(3);
        while let Some(left) = resumes.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
        paused.iter().for_each(|index| members[*index].process.signal("CONT"));
        for member in &members {
            member.process.wait_ready();
            member.process.post(&json!([event("view", "ann", "cup", &["cups"])]));
        }
    }
    let views = json!({"cups": 6});
    for member in &mut members {
        assert!(!member.process.has_ended());
        assert_eq!(member.process.profile("ann"), views);
    }
}

/// Both are as busy as they can be, with more threads than the machine has processors.
#[test]
fn a_process_that_is_busy_is_not_taken_for_lost() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = events(30_000).map(|record| format!("{record}\n")).collect();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    for topic in ["view-events", "purchase-events", "add-to-cart-events"] {
        std::fs::write(folder.path().join("data").join(topic).with_extension("jsonl"), &lines)
            .unwrap();
    }
    let hosts = Hosts::new(folder.path(), 2);
    let more = ["--set", "workers=6", "--set", "cluster.peer_timeout_ms=1000"];
    let mut members = [0, 1].map(|index| hosts.start(index, &more));
    for member in &members {
        member.process.wait_ready();
    }
    for member in &mut members {
        assert!(!member.process.has_ended());
    }
}

#[test]
fn processes_that_are_started_again_one_by_one_find_each_other_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::new(folder.path(), 2);
    let mut members = hosts.serve(&[0, 1]);
    for (posts, lost) in [1, 0, 1].into_iter().enumerate() {
        let other = 1 - lost;
        let at =
            members.iter().position(|member| member.process.get("/api/status")["process"] == lost);
        let gone = members.remove(at.unwrap());
        members[0].process.wait_ready();
        members[0].process.post(&json!([event("view", "ann", "cup", &["cups"])]));
        let sent = Instant::now();
        gone.process.signal("KILL");
        let told = hosts.told(lost, "is gone: its connection has ended");
        members.remove(0).ends_without(sent, &[told]);
        // Once the first to be started is the one that was lost, once the other one.
        let order = if posts == 1 { [lost, other] } else { [other, lost] };
        members = hosts.serve(&order);
        for member in &members {
            member.process.wait_ready();
            member.process.reads("ann", &json!({"cups": posts + 1}));
        }
    }
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
    let write = |topic: &str, records: &[Value]| {
        let data = folder.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(data.join(topic).with_extension("jsonl"), lines).unwrap();
    };
    let views: Vec<Value> = events(900).collect();
    let purchases: Vec<Value> = events(60).collect();
    let rows = (1..9).map(|product| json!({"id": format!("product{product}"), "tags": ["listed"]}));
    let rows: Vec<Value> = rows.collect();
    let merge = json!({"userId": "user1", "from": "user3", "timestamp": 1_750_000_900_000_u64});
    write("view-events", &views);
    write("purchase-events", &purchases);
    write("product-catalog", &rows);
    write("user-merges", std::slice::from_ref(&merge));
    let of = |process: &Process| process.get("/api/status")["digests"]["views"].clone();
    let expected = of(&Process::embedded(folder.path(), "1"));
    assert_eq!(expected.as_object().unwrap().len(), 9, "{expected}");
    let distinct: std::collections::BTreeSet<_> =
        expected.as_object().unwrap().values().map(Value::to_string).collect();
    assert_eq!(distinct.len(), 9, "{expected}");
    let members = Hosts::new(folder.path(), 2).serve(&[0, 1]);
    for Member { process, .. } in &members {
        process.wait_ready();
        eventually("the same digests", || of(process) == expected);
        let mut status = alone(folder.path());
        status
            .env("RECSYS_HTTP_LISTEN", format!("127.0.0.1:{}", process.port))
            .args(["status", "--json"]);
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
    let members = Hosts::new(folder.path(), 2).serve(&[0, 1]);
    for member in &members {
        member.process.signal("TERM");
    }
    for mut member in members {
        let said: Vec<_> = member.log.collect();
        assert!(member.process.wait().success(), "{said:#?}");
    }
}
