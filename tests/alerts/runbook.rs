//! The runbook has a section for each alert, whose commands are there.

use crate::engine::{names, scrape};
use crate::exporters;
use crate::rules::RULES;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// The sections of the alerts: the name, and what it says.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    RUNBOOK.split("\n### ").skip(1).map(|section| {
        let section = section.split("\n## ").next().unwrap();
        section.split_once('\n').unwrap()
    })
}

/// The commands of a text: what stands in blocks of the shell.
fn commands(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap())
}

#[test]
fn each_alert_leads_to_a_section_and_each_section_is_an_alert_s() {
    let mut alerts = BTreeSet::new();
    for rule in RULES.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        // A heading's anchor is its text in small letters.
        let runbook = format!("runbook: \"docs/runbook.md#{}\"", name.to_lowercase());
        assert!(rule.contains(&runbook), "{name} has no {runbook}");
        let section = sections().find(|(title, _)| *title == name);
        let (_, section) = section.unwrap_or_else(|| panic!("the runbook has no {name}"));
        let (_, labels) = rule.split_once("severity: ").unwrap();
        let severity = labels.split(' ').next().unwrap();
        assert!(section.trim_start().starts_with(&format!("*{severity}.* ")), "{name}");
        for part in ["**Look at**", "**Do**", "```sh\n"] {
            assert!(section.contains(part), "{name} has no {part:?}");
        }
        alerts.insert(name);
    }
    let titles: Vec<&str> = sections().map(|(title, _)| title).collect();
    assert!(titles.iter().all(|title| alerts.contains(title)), "{titles:?}");
    assert_eq!(titles.len(), alerts.len(), "{titles:?}");
}

#[test]
fn metrics_that_the_runbook_names_are_there() {
    let scrape = scrape();
    let names = names(&scrape);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = RUNBOOK.split(|c: char| !is_part(c));
    let of_metrics: BTreeSet<&str> = words
        .filter(|word| {
            ["recsys_", "http_request_", "process_", "redis_"].iter().any(|p| word.starts_with(p))
        })
        .collect();
    assert!(of_metrics.len() > 5, "{of_metrics:?}");
    for metric in of_metrics {
        assert!(names.contains(metric) || exporters::has(metric), "nobody has {metric}");
    }
}

/// The commands of the program in a text, one a line, without what they are piped to.
fn calls(commands: &str) -> impl Iterator<Item = &str> {
    let lines = commands.lines().filter(|line| line.starts_with("recsys "));
    lines.map(|line| line.split(['|', '#']).next().unwrap().trim())
}

#[test]
fn commands_of_the_runbook_are_the_shell_s_and_the_program_s() {
    let folder = Path::new(env!("CARGO_BIN_EXE_recsys")).parent().unwrap().to_owned();
    let path = std::env::join_paths(
        [folder].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let run = |arguments: &[&str]| {
        Command::new("sh").args(arguments).env("PATH", &path).output().unwrap()
    };
    let mut checked = 0;
    for block in commands(RUNBOOK) {
        let output = run(&["-nc", block]);
        assert!(output.status.success(), "{block}: {}", String::from_utf8_lossy(&output.stderr));
        // With its help a command changes nothing, and what it does not know is an error all the same.
        for call in calls(block) {
            let output = run(&["-c", &format!("{call} --help")]);
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{call}: {told}");
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}
