//! The first seconds, and the last: what is missing at the start, or frozen, is told, and holds up
//! neither health nor the end.

use crate::harness::{
    Process, alone, create_topics, event, eventually, free_port, prefix, script, served, services,
};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The longest that a process may take to end.
const END: Duration = Duration::from_secs(10);

/// What `/readyz` answers while the process is not ready.
fn unready(process: &Process) -> Value {
    let asked = Instant::now();
    let (status, body) = process.try_call("GET", "/readyz", "").unwrap();
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(status, 503, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Waits until a process waits for something, with these details.
fn waits(process: &Process, name: &str, details: &str) {
    eventually(&format!("it waits for {name}: {details}"), || {
        let ready = unready(process);
        let waits = ready["waits"].as_array().unwrap();
        let wait = waits.iter().find(|wait| wait["for"] == name);
        wait.is_some_and(|wait| {
            assert!(wait["since"].as_str().unwrap().ends_with('Z'), "{wait}");
            wait["details"].as_str().unwrap_or_default().contains(details)
        })
    });
}

/// Starts a program, whose health must be answered soon.
fn healthy(program: std::process::Command, more: &[&str]) -> Process {
    let process = Process::spawn(program, "2", more);
    let started = Instant::now();
    eventually("health", || process.try_call("GET", "/healthz", "").is_some_and(|it| it.0 == 200));
    unready(&process);
    // A busy machine may take some of it.
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    process
}

fn ends_in_time(mut process: Process) {
    let told = Instant::now();
    process.signal("TERM");
    assert!(process.wait().success());
    assert!(told.elapsed() < END, "{:?}", told.elapsed());
}

#[test]
fn health_is_answered_while_all_services_are_frozen() {
    // The kernel accepts connections, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    for kind in ["all", "kafka", "redis", "zookeeper"] {
        // Without settings of an earlier run.
        let folder = tempfile::tempdir().unwrap();
        let mut program = alone(folder.path());
        program.env("RECSYS_LOG", "off");
        for (service, variable, address) in [
            ("kafka", "RECSYS_KAFKA_BROKERS", silent.to_string()),
            ("redis", "RECSYS_REDIS_URL", format!("redis://{silent}")),
            ("zookeeper", "RECSYS_ZOOKEEPER_HOSTS", silent.to_string()),
        ] {
            if kind == service || kind == "all" {
                program.env(variable, address);
            }
        }
        let process = healthy(program, &[]);
        if kind == "redis" || kind == "all" {
            waits(&process, "sink", &format!("Redis at redis://{silent} is asked"));
        }
        if kind == "zookeeper" || kind == "all" {
            waits(&process, "weights", &format!("ZooKeeper at {silent}"));
            waits(&process, "model", "/config/recommendation/weights cannot be read");
        }
        match kind {
            "redis" => process.wait_ready(),
            "zookeeper" => (),
            _ => waits(&process, "events", "no Kafka broker can be reached"),
        }
        ends_in_time(process);
    }
}

#[test]
fn health_is_answered_while_another_process_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (free_port(), free_port());
    let hosts = format!("hosts=127.0.0.1:{here},127.0.0.1:{there}");
    let mut program = alone(folder.path());
    program.env("RECSYS_LOG", "off");
    let process = healthy(program, &["--set", &hosts, "--process", "0"]);
    waits(&process, "processes", &format!("process 1 (127.0.0.1:{there})"));
    let health = |ready: &[&str]| {
        let mut health = alone(folder.path());
        health
            .arg("health")
            .args(ready)
            .env("RECSYS_HTTP_LISTEN", format!("0.0.0.0:{}", process.port));
        health.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code()
    };
    assert_eq!((health(&[]), health(&["--ready"])), (Some(0), Some(1)));
    let (status, body) = process.try_call("GET", "/api/user-profile/ann", "").unwrap();
    assert_eq!(status, 503, "{body}");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn topics_that_are_missing_are_named() {
    let _services = services();
    let prefix = &*prefix("missing");
    let process = healthy(served(prefix), &[]);
    let advice = format!("there is no topic {prefix}view-events; `recsys topics create` makes it");
    let asked = Instant::now();
    let view = json!([event("view", "ann", "cup", &["cups"])]).to_string();
    let (status, body) = process.try_call("POST", "/api/user-behavior", &view).unwrap();
    assert_eq!(status, 503, "{body}");
    assert!(body.contains(&advice), "{body}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    waits(&process, "events", "`recsys topics create` makes what is missing");
    let ready = unready(&process);
    assert!(ready["reasons"]["writes"].as_str().unwrap().contains("there is no topic"), "{ready}");
    create_topics(prefix);
    process.wait_ready();
    eventually("it is stored", || {
        process.try_call("POST", "/api/user-behavior", &view).is_some_and(|it| it.0 == 201)
    });
}

/// Lets the brokers go on, however the test ends.
struct Thaw;

impl Drop for Thaw {
    fn drop(&mut self) {
        script(&["thaw", "kafka"]);
    }
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_process_ends_in_time_while_the_brokers_are_frozen() {
    let _services = services();
    let process = Process::ready(&prefix("frozen"), "2");
    process.weigh(1);
    process.post(&json!([event("view", "ann", "cup", &["cups"])]));
    let thaw = Thaw;
    script(&["freeze", "kafka"]);
    eventually("it is noticed", || process.metric("recsys_source_connected", &[]) == 0.0);
    let view = json!([event("view", "ann", "cup", &["cups"])]).to_string();
    let (status, body) = process.try_call("POST", "/api/user-behavior", &view).unwrap();
    assert_eq!(status, 504, "{body}");
    assert!(body.contains(r#""stored":"unknown","events":[0]"#), "{body}");
    ends_in_time(process);
    drop(thaw);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn hundreds_of_partitions_are_looked_up_together() {
    let _services = services();
    let prefix = &*prefix("many");
    let mut topics = served(prefix);
    topics.args(["topics", "create", "--partitions", "40"]).stdout(std::process::Stdio::null());
    assert!(topics.status().unwrap().success());
    let start = || {
        let mut program = served(prefix);
        program.env("RECSYS_LOG", "warn");
        let process = Process::spawn(program, "2", &[]);
        process.wait_ready();
        process.post(&json!([event("view", "ann", "cup", &["cups"])]));
        process
    };
    // The brokers need seconds to lead that many new partitions, which is not what is measured.
    ends_in_time(start());
    let started = Instant::now();
    let process = start();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    ends_in_time(process);
}
