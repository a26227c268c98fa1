//! The log, and output that nobody takes.

use crate::harness::{Process, alone, eventually};
use serde_json::Value;
use std::fs::File;
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
