//! Holds CONTRIBUTING.md to the files that exist, and scripts/test to its usage.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::Path;
use std::process::{Command, Output};

/// The most files that the guide may send a newcomer to for one change.
const MOST_FILES: usize = 4;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn guide() -> String {
    std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap()
}

/// The parts of a text between backticks, line by line.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether a piece of code names a file or folder of the project.
fn is_path(code: &str) -> bool {
    let folder = code.split('/').next().unwrap();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    code.chars().all(is_part)
        && (code.contains('/') && root().join(folder).is_dir()
            || [".md", ".toml", ".rs", ".tsv"].iter().any(|end| code.ends_with(end)))
}

#[test]
fn every_file_that_the_guide_names_is_there() {
    let guide = guide();
    let paths: Vec<&str> = code(&guide).filter(|code| is_path(code)).collect();
    assert!(paths.contains(&"src/http/routes.rs"), "{paths:?}");
    let missing: Vec<_> = paths.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "CONTRIBUTING.md names what is not there: {missing:?}");
}

#[test]
fn a_usual_change_touches_few_files() {
    let guide = guide();
    for change in ["view", "setting", "route", "metric"] {
        let heading = format!("### Add a {change}\n");
        let (_, rest) = guide.split_once(&heading).unwrap_or_else(|| panic!("no {heading:?}"));
        let section = rest.split("\n#").next().unwrap();
        let steps = section.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        let count = steps.count();
        assert!((1..=MOST_FILES).contains(&count), "{count} files to add a {change}");
    }
}

fn gate(arguments: &[&str]) -> Output {
    Command::new(root().join("scripts/test")).args(arguments).output().unwrap()
}

#[test]
fn the_gate_tells_its_usage_and_refuses_what_it_does_not_know() {
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["-h"], 0),
        (&["--quik"], 64),
        (&["quick"], 64),
        (&["--quick", "--long"], 64),
    ] {
        let output = gate(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let usage = if code == 0 { output.stdout } else { output.stderr };
        let usage = String::from_utf8(usage).unwrap();
        for option in ["--quick", "--long", "Usage: scripts/test"] {
            assert!(usage.contains(option), "{arguments:?}: {usage}");
        }
    }
}

/// Runs steps as the gate does; gives its exit code and its table: the names, in order.
fn steps(script: &str) -> (Option<i32>, Vec<String>) {
    let script = format!(
        "set -euo pipefail; source scripts/test.d/steps.sh; begin; {script}; echo unreached"
    );
    let output = Command::new("bash").current_dir(root()).args(["-c", &script]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let (_, table) = told.split_once("  seconds  step\n").unwrap_or_else(|| panic!("{told}"));
    let names = table.lines().map(|line| {
        let (seconds, name) = line.trim_start().split_once("  ").unwrap();
        assert!(seconds.parse::<f64>().is_ok(), "{line}");
        name.to_owned()
    });
    (output.status.code(), names.collect())
}

#[test]
fn the_table_has_every_step_and_the_first_that_fails_is_the_last() {
    for (script, code, table) in [
        ("step one true; step 'the other' true", 0, &["one", "the other", "all"][..]),
        (
            "step one true; step two sh -c 'exit 3'; step three true",
            3,
            &["one", "two FAILED", "all"],
        ),
        ("at_end='step end true'; step one false", 1, &["one FAILED", "end", "all"]),
    ] {
        assert_eq!(
            steps(script),
            (Some(code), table.iter().map(|&s| s.to_owned()).collect()),
            "{script}"
        );
    }
}
