//! Two processes of one cluster, of which one is stopped, killed or frozen: what the other does.
//!
//! They need no services: events are topic files.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{BufRead, BufReader, Lines};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A process of the engine, killed when dropped.
struct Process {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Process {
    fn start(folder: &Path, hosts: &str, process: &str) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_recsys"))
            // Where no workers.toml names services.
            .current_dir(folder)
            .args(["run", "-w", "2", "--process", process, "--set", hosts])
            .args(["--set", &format!("files.dir={process}")])
            .args(["--set", &format!("http.listen=127.0.0.1:{}", free_port())])
            .args(["--set", "cluster.peer_timeout_ms=1000"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Process { child, log }
    }

    /// Reads the log until something is said in it.
    fn until_it_says(&mut self, what: &str) {
        let said = self.log.by_ref().map(Result::unwrap).any(|line| line.contains(what));
        assert!(said, "the log ended without {what:?}");
    }

    fn signal(&self, signal: &str) {
        let command = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Its end, and what it said until then.
    fn end(&mut self) -> (ExitStatus, Vec<String>) {
        let said = self.log.by_ref().map(Result::unwrap).collect();
        (self.child.wait().unwrap(), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended can't be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Process 1 is sent a signal; process 0 must end soon, by itself, with an error and one line that
/// tells it.
fn check(signal: &str, told: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port()];
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
    let mut processes = ["0", "1"].map(|process| Process::start(folder.path(), &hosts, process));
    for process in &mut processes {
        process.until_it_says("serving");
    }
    let [first, second] = &mut processes;
    let sent = Instant::now();
    second.signal(signal);
    let (status, said) = first.end();
    assert!(sent.elapsed() < Duration::from_secs(10), "{signal}: {:?}", sent.elapsed());
    assert_eq!(status.code(), Some(1), "{signal}: {said:#?}");
    let line = format!(
        "recsys: process 1 (127.0.0.1:{}) {told}; the whole cluster must start again",
        ports[1]
    );
    let failures: Vec<_> = said.iter().filter(|line| !line.contains(" INFO ")).collect();
    assert_eq!(failures, [&line], "{signal}: {said:#?}");
}

#[test]
fn a_process_that_loses_another_ends_with_one_clear_line() {
    check("KILL", "is gone: its connection has ended");
    check("STOP", "is lost: no sign of life for 1s");
    check("TERM", "has stopped");
}

#[test]
fn processes_that_are_all_stopped_end_well() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let mut processes = ["0", "1"].map(|process| Process::start(folder.path(), &hosts, process));
    for process in &mut processes {
        process.until_it_says("serving");
    }
    for process in &processes {
        process.signal("TERM");
    }
    for process in &mut processes {
        let (status, said) = process.end();
        assert!(status.success(), "{said:#?}");
    }
}
