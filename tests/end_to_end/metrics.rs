//! What Prometheus gets.

use crate::harness::Process;
use std::io::Write;
use std::process::{Command, Stdio};

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
