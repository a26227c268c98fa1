//! What Prometheus gets.

use crate::harness::{Process, event, eventually, prefix, services};
use crate::kafka;
use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};

/// Holds a scrape to the conventions of Prometheus.
fn check(scrape: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there: run these tests by scripts/test");
    promtool.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    // Its unit is the one that dashboards ask for.
    let faults: Vec<&str> =
        told.lines().filter(|line| !line.starts_with("http_request_duration_ms ")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}: {told}", output.status);
}

#[test]
#[ignore = "needs promtool, which scripts/test installs"]
fn a_scrape_is_what_prometheus_expects() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    for (path, expected) in [("/api/trending", 200), ("/nowhere", 404)] {
        assert_eq!(process.try_call("GET", path, "").unwrap().0, expected);
    }
    let (status, scrape) = process.try_call("GET", "/metrics", "").unwrap();
    assert_eq!(status, 200);
    check(&scrape);
}

#[test]
#[ignore = "needs the services that scripts/test starts, and promtool"]
fn a_scrape_beside_services_is_what_prometheus_expects() {
    let _services = services();
    let prefix = prefix("scrape");
    let process = Process::ready(&prefix, "2");
    process.post(&json!([event("view", "ann", "radio", &["audio"])]));
    kafka::write(&(prefix + "view-events"), "k", Some(b"no event"));
    let names = [
        "recsys_dead_letters_total",
        "recsys_freshness_seconds_count",
        "recsys_kafka_broker_up",
        "recsys_kafka_end_offset",
        "recsys_weight",
    ];
    for name in names {
        eventually(name, || process.metric(name, &[]) > 0.0);
    }
    check(&process.scrape());
}
