//! `recsys status`: shows what the process that has this configuration says of itself.

use super::args::StatusArgs;
use super::output::{say, write};
use super::running_process::{get_json, listen};
use super::words::{columns, text, texts};
use crate::config::Config;
use anyhow::Context;
use indicatif::{HumanBytes, HumanDuration};
use serde_json::Value;
use std::ops::ControlFlow;
use std::time::Duration;

/// How many of those that hold memory are named.
const HOLDERS: usize = 5;
/// Clears a terminal, and goes to its beginning.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

pub(super) fn run(config: &Config, args: &StatusArgs) -> anyhow::Result<()> {
    if args.watch {
        return watch(config);
    }
    let status = get_json(config, "/api/status")?;
    match args.json {
        true => say(&format!("{status:#}")),
        false => write(summary(&status).as_bytes()),
    }
}

/// Shows the summary again with each pulse.
fn watch(config: &Config) -> anyhow::Result<()> {
    listen(config, "/api/stream", |name, data| {
        if name == "pulse" {
            let pulse: Value = serde_json::from_str(data).context("the pulse is no JSON")?;
            let status = get_json(config, "/api/status")?;
            write(format!("{CLEAR}{}{}", summary(&status), rates(&pulse)).as_bytes())?;
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// What a person asks first.
fn summary(status: &Value) -> String {
    let count = |name: &str| status[name].as_u64().unwrap_or_default();
    let stands = match status["ready"] == true {
        true => "ready".to_owned(),
        false => format!("waits for {}", texts(&status["awaited"]).join(", ")),
    };
    let mut rows = vec![row(
        "process",
        format!(
            "{} of {}, {} workers, version {}, up {}",
            count("process"),
            count("processes"),
            count("workers"),
            text(&status["version"]),
            duration(count("uptimeSeconds"))
        ),
    )];
    rows.push(row("state", stands));
    rows.push(row("backlog", format!("{} offsets to read", count("backlog"))));
    for name in ["weights", "blend", "rules"] {
        let value = match &status[name] {
            Value::Array(rules) => format!("{} of them", rules.len()),
            value => text(value),
        };
        rows.push(row(name, format!("{value} ({})", text(&status["stored"][name]))));
    }
    rows.push(row("checkpoint", checkpoint(&status["checkpoint"])));
    let services = status["services"].as_object();
    let services = services.into_iter().flatten();
    rows.extend(services.map(|(name, reason)| row(name, text(reason))));
    for trouble in status["troubles"].as_array().into_iter().flatten() {
        let place = format!("{}/{}", text(&trouble["topic"]), text(&trouble["partition"]));
        rows.push(row("trouble", format!("{place}: {}", text(&trouble["details"]))));
    }
    for lost in status["lost"].as_array().into_iter().flatten() {
        rows.push(row("lost", lost.to_string()));
    }
    rows.push(row("memory", memory(&status["held"])));
    let mut told = columns(&rows);
    let partitions = status["partitions"].as_array().into_iter().flatten();
    let partitions: Vec<_> = partitions
        .map(|partition| {
            ["topic", "partition", "position", "end", "lag"]
                .map(|name| text(&partition[name]))
                .to_vec()
        })
        .collect();
    if !partitions.is_empty() {
        told += "\ntopic, partition, read up to, end, lag\n";
        told += &columns(&partitions);
    }
    told
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

/// What happens in a second.
fn rates(pulse: &Value) -> String {
    let events = &pulse["eventsPerSecond"];
    let mut rows: Vec<_> = ["view", "add_to_cart", "purchase"]
        .map(|kind| row(&format!("{kind}/s"), text(&events[kind])))
        .to_vec();
    rows.push(row("requests/s", text(&pulse["requestsPerSecond"])));
    if !pulse["freshnessMs"].is_null() {
        rows.push(row("ms to Redis", text(&pulse["freshnessMs"])));
    }
    format!("\n{}", columns(&rows))
}

fn checkpoint(checkpoint: &Value) -> String {
    if checkpoint.is_null() {
        return "none: checkpoint.url is not set".into();
    }
    let newest = match &checkpoint["number"] {
        Value::Null => "none yet".into(),
        number => {
            let age = checkpoint["ageSeconds"].as_u64().unwrap_or_default();
            format!("number {number}, {} old", duration(age))
        }
    };
    let trouble = checkpoint["trouble"].as_str();
    let trouble = trouble.map_or(String::new(), |trouble| format!(": {trouble}"));
    format!("{newest}, in {}{trouble}", text(&checkpoint["url"]))
}

/// The memory that is held, and by what most.
fn memory(held: &Value) -> String {
    let held = held.as_object().into_iter().flatten();
    let mut held: Vec<(u64, &String)> =
        held.map(|(name, size)| (size.as_u64().unwrap_or_default(), name)).collect();
    held.sort_by(|one, other| other.cmp(one));
    let all: u64 = held.iter().map(|(size, _)| size).sum();
    let most =
        held.iter().take(HOLDERS).map(|(size, name)| format!("{name} {}", HumanBytes(*size)));
    format!("{} counted; {}", HumanBytes(all), most.collect::<Vec<_>>().join(", "))
}

fn duration(seconds: u64) -> String {
    HumanDuration(Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_summary_has_what_is_wrong() {
        let status = json!({
            "version": "1", "uptimeSeconds": 90, "process": 0, "processes": 1, "workers": 2, "ready": false,
            "awaited": ["Kafka", "Redis"], "backlog": 7, "weights": {"view": 1}, "rules": [{}, {}], "blend": {},
            "stored": {"weights": "in-force", "rules": "refused: x", "blend": "in-force"},
            "checkpoint": {"url": "s3://x", "number": 4, "ageSeconds": 7, "trouble": "no bucket"}, "services": {"redis": "refused"},
            "troubles": [], "lost": [], "held": {"pairs": 2048, "names": 1024},
            "partitions": [{"topic": "view-events", "partition": 0, "position": 3, "end": 10, "lag": 7}],
        });
        let told = summary(&status);
        for part in [
            "waits for Kafka, Redis",
            "7 offsets to read",
            "2 of them (refused: x)",
            "number 4, 7 seconds old, in s3://x: no bucket",
            "3.00 KiB counted; pairs 2.00 KiB, names 1.00 KiB",
            "view-events  0  3  10  7",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
