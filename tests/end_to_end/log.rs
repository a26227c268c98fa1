//! The log, and output that nobody takes.

use crate::harness::{Process, alone, eventually, free_port};
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Output, Stdio};

/// Runs a command that ends by itself, with its output going there.
fn run(arguments: &[&str], variables: &[(&str, &str)], stdout: Stdio) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = alone(folder.path());
    command.args(arguments).envs(variables.iter().copied()).stdout(stdout).stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

/// A pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

fn full_disk() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

#[test]
fn output_that_nobody_reads_ends_a_command_quietly() {
    for arguments in [&["check-config"][..], &["completions", "bash"]] {
        let output = run(arguments, &[], closed_pipe());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &*error), (Some(0), ""), "{arguments:?}");
        let output = run(arguments, &[], full_disk().into());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(74), "{arguments:?}");
        assert!(
            error.starts_with("recsys: cannot write standard output: No space left"),
            "{error}"
        );
    }
}

#[test]
fn a_level_that_is_none_is_refused() {
    let output = run(&["check-config"], &[("RECSYS_LOG", "verbose")], Stdio::null());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64));
    assert!(error.contains("RECSYS_LOG") && error.contains("\"verbose\""), "{error}");
    // An empty variable is none.
    let none = [("RECSYS_LOG", ""), ("RECSYS_CONFIG", "")];
    assert_eq!(run(&["check-config"], &none, Stdio::null()).status.code(), Some(0));
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    for stderr in [full_disk().into(), closed_pipe()] {
        let folder = tempfile::tempdir().unwrap();
        let mut program = alone(folder.path());
        program.stderr::<Stdio>(stderr);
        let mut process = Process::spawn(program, "1", &[]);
        process.wait_ready();
        eventually("lost lines are counted", || {
            process.metric("recsys_log_lines_lost_total", &[]) > 0.0
        });
        process.signal("TERM");
        assert!(process.wait().success());
    }
}

#[test]
fn a_hangup_changes_the_level_and_the_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let configure = |level: &str| {
        let text = format!("[log]\nlevel = \"{level}\"\nformat = \"json\"\n");
        std::fs::write(folder.path().join("workers.toml"), text).unwrap();
    };
    configure("warn");
    let mut program = alone(folder.path());
    program.stderr(Stdio::piped());
    let mut process = Process::spawn(program, "1", &[]);
    process.wait_ready();
    let mut log = process.log().map(|line| {
        let line: Value = serde_json::from_str(&line).unwrap();
        (line["message"].as_str().unwrap().to_owned(), line)
    });
    configure("verbose");
    process.signal("HUP");
    assert_eq!(log.next().unwrap().0, "the configuration cannot be read again");
    configure("info");
    process.signal("HUP");
    let (message, line) = log.next().unwrap();
    assert_eq!((&*message, &line["level"]), ("the log has this level now", &"INFO".into()));
    process.signal("TERM");
    let end: Vec<_> = log.filter(|(message, _)| message.starts_with("stop")).collect();
    assert_eq!(end.len(), 2, "{end:?}");
    assert_eq!((&*end[0].0, &end[0].1["signal"]), ("stopping", &"SIGTERM".into()));
    assert_eq!(end[1].0, "stopped");
    assert!(process.wait().success());
}

/// Starts a process that logs objects, and returns the lines up to its end, told by `end`.
fn logged(folder: &Path, more: &[&str], end: impl FnOnce(&Process)) -> (Option<i32>, Vec<Value>) {
    let mut program = alone(folder);
    program.env("RECSYS_LOG_FORMAT", "json").stderr(Stdio::piped());
    let mut process = Process::spawn(program, "1", more);
    let log = process.log();
    end(&process);
    let lines = log.map(|line| serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}")));
    let lines = lines.collect();
    (process.wait().code(), lines)
}

#[test]
fn the_history_and_the_end_are_told_in_lines_of_the_log_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let view =
        |user| format!("{{\"eventType\":\"view\",\"userId\":\"{user}\",\"product\":\"p\"}}\n");
    std::fs::write(data.join("view-events.jsonl"), view("ann") + &view("bob") + "\n").unwrap();
    let find = |lines: &[Value], message: &str| {
        let found = lines.iter().find(|line| line["message"] == message);
        found.unwrap_or_else(|| panic!("{message}: {lines:?}")).clone()
    };
    // The second one goes on from where the first one was.
    for (name, records) in [("TERM", 2), ("INT", 0)] {
        let (code, lines) = logged(folder.path(), &[], |process| {
            process.wait_ready();
            process.signal(name);
        });
        assert_eq!(code, Some(0));
        let caught_up = find(&lines, "caught up");
        assert_eq!(caught_up["records"], records, "{caught_up}");
        assert!(caught_up["took"].is_string() && caught_up["per_second"].is_u64(), "{caught_up}");
        assert_eq!(find(&lines, "stopping")["signal"], format!("SIG{name}"));
        assert!(find(&lines, "stopped")["took"].is_string());
    }
    // While it waits for another process.
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let (code, lines) = logged(folder.path(), &["--set", &hosts], |process| {
        eventually("health", || process.try_call("GET", "/healthz", "").is_some());
        process.signal("TERM");
    });
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(find(&lines, "stopping")["signal"], "SIGTERM");
    assert!(find(&lines, "stopped")["took"].is_string());
    // What cannot go on says why.
    let (code, lines) = logged(folder.path(), &[], |process| {
        process.wait_ready();
        std::fs::write(data.join("view-events.jsonl"), "").unwrap();
    });
    assert_eq!(code, Some(1));
    assert!(find(&lines, "stopping after an error")["ran"].is_string());
    assert!(find(&lines, "stopped")["took"].is_string());
    let failed = find(&lines, "the process has failed");
    assert!(failed["error"].as_str().unwrap().contains("view-events"), "{failed}");
    let (code, lines) =
        logged(folder.path(), &["--set", "files.dir=data/view-events.jsonl"], |_| ());
    assert_eq!(code, Some(74));
    let failed = find(&lines, "the process has failed");
    assert!(failed["error"].as_str().unwrap().contains("files.dir"), "{failed}");
}
