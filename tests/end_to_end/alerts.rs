//! Alerts over what real processes show.

use crate::harness::{Process, event, eventually, free_port, prefix, services};
use serde_json::json;
use std::fmt::Write;
use std::process::Command;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/prometheus/rules.yml");
const FREE: &str = "recsys_files_free_bytes ";

/// Writes over a scrape what share of the disk is free: this machine's own says nothing of the processes.
fn with_disk(scrape: &str, free: f64) -> String {
    let value = |name: &str| scrape.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let size: f64 = value("recsys_files_size_bytes ").parse().unwrap();
    let now = format!("{FREE}{}", value(FREE));
    scrape.replace(&now, &format!("{FREE}{}", size * free))
}

/// A test for promtool: every series of these scrapes stays as it is for two hours, and no alert
/// fires.
fn silence(scrapes: &[String]) -> String {
    let mut test = format!("rule_files: [{RULES}]\nevaluation_interval: 1m\ntests:\n");
    test += "  - interval: 1m\n    input_series:\n";
    for job in ["redis", "alertmanager", "prometheus"] {
        writeln!(test, "      - {{ series: 'up{{job=\"{job}\"}}', values: '1x120' }}").unwrap();
    }
    let mut add = |name: &str, labels: &str, instance: usize, value: &str| {
        let labels = format!("job=\"recsys\",instance=\"{instance}\"{labels}");
        writeln!(test, "      - {{ series: '{name}{{{labels}}}', values: '{value}x120' }}")
            .unwrap();
    };
    for (instance, scrape) in scrapes.iter().enumerate() {
        add("up", "", instance, "1");
        for line in scrape.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels.strip_suffix('}').unwrap();
            let comma = if labels.is_empty() { "" } else { "," };
            add(name, &format!("{comma}{labels}"), instance, value);
        }
    }
    test += "    alert_rule_test:\n";
    let rules = std::fs::read_to_string(RULES).unwrap();
    for alert in rules.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        writeln!(test, "      - {{ eval_time: 2h, alertname: {name} }}").unwrap();
    }
    test
}

/// Returns whether no alert fires over these scrapes, and what promtool says.
fn promtool(scrapes: &[String]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let test = folder.path().join("test.yml");
    std::fs::write(&test, silence(scrapes)).unwrap();
    let output = Command::new("promtool").args(["test", "rules"]).arg(test).output();
    let output = output.expect("promtool is there: run these tests by scripts/test");
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

#[test]
#[ignore = "needs the services that scripts/test starts, and promtool"]
fn two_processes_that_are_well_raise_no_alert() {
    let _services = services();
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let prefix = prefix("alerts");
    let two = ["0", "1"]
        .map(|process| Process::start(&prefix, "2", &["--set", &hosts, "--process", process]));
    for process in &two {
        process.wait_ready();
        eventually("partitions counted", || process.metric("recsys_source_connected", &[]) == 1.0);
        process.post(&json!([event("view", "ann", "radio", &["audio"])]));
    }
    two[0].weigh(2);
    two[1].reads("ann", &json!({"audio": 4}));

    let scrapes = two.each_ref().map(Process::scrape);
    let fed = scrapes.each_ref().map(|scrape| scrape.contains("\nrecsys_settings_connected{"));
    assert_eq!(fed, [true, false]);
    let well = scrapes.map(|scrape| with_disk(&scrape, 0.5));
    let (is_silent, told) = promtool(&well);
    assert!(is_silent, "{told}");
    // The same with a settings store that is lost, and with a disk that is full, so that this test is
    // known to see alerts.
    let lost = well.each_ref().map(|scrape| {
        scrape.replace("connected{setting=\"blend\"} 1", "connected{setting=\"blend\"} 0")
    });
    let full = well.each_ref().map(|scrape| with_disk(scrape, 0.05));
    for (scrapes, alert) in [(lost, "SettingsDisconnected"), (full, "DiskShort")] {
        let (is_silent, told) = promtool(&scrapes);
        assert!(!is_silent && told.contains(alert), "{told}");
    }
}
