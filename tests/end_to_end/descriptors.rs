//! File descriptors: as many as the process may have, and none left.

use crate::harness::{Process, eventually, limited};
use std::net::TcpStream;
use std::process::Stdio;

#[test]
fn the_limit_is_raised_to_what_the_process_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let process =
        Process::spawn(limited("ulimit -Sn 300; ulimit -Hn 3000", folder.path()), "1", &[]);
    process.wait_ready();
    assert_eq!(process.metric("process_max_fds", &[]), 3000.0);
}

#[test]
fn while_none_is_left_connections_wait_and_health_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = limited("ulimit -n 150", folder.path());
    program.env("RECSYS_LOG", "info").stderr(Stdio::piped());
    let mut process = Process::spawn(program, "1", &[]);
    process.wait_ready();
    let log = process.log();
    let status = |path: &str| process.try_call("GET", path, "").map(|(status, _)| status);
    let clients: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(("127.0.0.1", process.port)).unwrap()).collect();
    let shown = |path: &str, status: u16, part: &str| {
        let answer = process.try_call("GET", path, "");
        answer.is_some_and(|(found, body)| found == status && body.contains(part))
    };
    // Of those that wait in between, the ones that say nothing are cut off.
    eventually("a shortage", || shown("/metrics", 200, "recsys_descriptor_shortages_total 1\n"));
    for _ in 0..3 {
        eventually("health is answered", || shown("/healthz", 200, "ok"));
        let wait = r#""waits":[{"for":"file descriptors","since":"#;
        eventually("readiness is answered", || shown("/readyz", 503, wait));
        let told = "the process has no file descriptor left";
        eventually("others are turned away", || shown("/api/trending", 503, told));
    }
    drop(clients);
    eventually("its end", || status("/readyz") == Some(200));
    assert_eq!(status("/api/trending"), Some(200));
    process.signal("TERM");
    process.wait();
    let lines: Vec<String> = log.filter(|line| line.contains("file descriptor")).collect();
    let [begin, end] = &lines[..] else { panic!("{lines:?}") };
    assert!(begin.contains("no file descriptor left") && end.contains("again"), "{lines:?}");
}
