//! The dashboards and the alerts, over a real Prometheus and Alertmanager.

use crate::dashboards::{Panel, panels};
use crate::harness::{Process, event, eventually, free_port, prefix, served, services, succeed};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What watches the services and the engine; it is stopped, and its data removed, when dropped.
struct Watchers {
    ports: [u16; 3],
    target: String,
}

const NAMES: [&str; 3] = ["redis-exporter", "alertmanager", "prometheus"];

impl Watchers {
    fn start(process: &Process) -> Watchers {
        let ports = [free_port(), free_port(), free_port()];
        let watchers = Watchers { ports, target: format!("127.0.0.1:{}", process.port) };
        assert!(watchers.services("up").status().unwrap().success());
        watchers
    }

    fn services(&self, command: &str) -> Command {
        let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services"));
        script.arg(command).args(NAMES).stdout(Stdio::null());
        script.env("PROMETHEUS_TARGET", &self.target);
        let names = ["REDIS_EXPORTER_PORT", "ALERTMANAGER_PORT", "PROMETHEUS_PORT"];
        script.envs(names.into_iter().zip(self.ports.map(|port| port.to_string())));
        script
    }

    /// The series that an expression has now, whose value is a number.
    fn query(&self, expr: &str) -> Vec<Value> {
        let [.., prometheus] = self.ports;
        let address = format!("http://127.0.0.1:{prometheus}");
        let series =
            told(Command::new("promtool").args(["query", "instant", "-o", "json", &address, expr]));
        let mut series: Vec<Value> = serde_json::from_str(&series).unwrap();
        series.retain(|series| series["value"][1] != "NaN");
        series
    }

    /// The names of the alerts that Alertmanager holds.
    fn alerts(&self) -> Vec<String> {
        let [_, alertmanager, _] = self.ports;
        let address = format!("--alertmanager.url=http://127.0.0.1:{alertmanager}");
        let alerts = told(Command::new("amtool").args(["alert", "query", &address, "-o", "json"]));
        let alerts: Vec<Value> = serde_json::from_str(&alerts).unwrap();
        alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap().into()).collect()
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        let _ = self.services("clean").status();
    }
}

fn told(program: &mut Command) -> String {
    let output = program.output().expect("it is there: run these tests by scripts/test");
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs the services that scripts/test starts, Prometheus and Alertmanager"]
fn every_panel_has_data_and_an_alert_reaches_alertmanager() {
    let _services = services();
    let prefix = &*prefix("panels");
    // Topics whose records expire, and checkpoints, so that there is something to tell of both.
    succeed(prefix, &["topics", "create", "--retention-days", "31"]);
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = format!("checkpoint.url={}", folder.path().display());
    // All visitors are graded, and so the only one.
    let settings = [&*checkpoints, "checkpoint.interval_s=5", "grading.share=1"];
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", *setting]).collect();
    let process = Process::spawn(served(prefix), "2", &settings);
    process.wait_ready();
    let rule = r#"[{"id": "sound", "tag": "audio", "action": "boost", "factor": 2}]"#;
    process.call("PUT", "/api/config/recommendation/rules", rule);
    let watchers = Watchers::start(&process);
    let deadline = Instant::now() + Duration::from_secs(90);
    for round in 0.. {
        // A shop at work. Products that are new to the visit are graded in a way of their own.
        process.post(&json!([event("view", "ann", &format!("radio{round}"), &["audio"])]));
        process.get("/api/recommendations/ann");
        // What Grafana puts in place of its variables.
        let is_empty = |panel: &Panel| {
            let expr = panel.expr.replace("$instance", ".*").replace("$__rate_interval", "1m");
            watchers.query(&expr).is_empty()
        };
        let empty = panels().into_iter().filter(is_empty);
        let empty: Vec<_> = empty
            .map(|Panel { title, kind, legend, expr }| {
                format!("{kind} {title:?}, {legend}: {expr}")
            })
            .collect();
        if empty.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "panels without data: {empty:#?}");
        std::thread::park_timeout(Duration::from_secs(1));
    }
    assert_eq!(watchers.query("ALERTS{alertstate=\"firing\"}"), Vec::<Value>::new());
    process.kill();
    eventually("the alert", || watchers.alerts().contains(&"EngineDown".to_owned()));
}
