//! The runbook has a section for each alert, and names metrics that are there.

use crate::engine::{names, scrape};
use crate::exporters;
use crate::rules::RULES;
use std::collections::BTreeSet;

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// The sections of the alerts: the name, and what it says.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    RUNBOOK.split("\n### ").skip(1).map(|section| {
        let section = section.split("\n## ").next().unwrap();
        section.split_once('\n').unwrap()
    })
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
