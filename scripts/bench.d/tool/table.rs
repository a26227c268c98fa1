//! Results as tables: a benchmark's jobs are rows, what was measured columns, each the range over
//! the rounds.

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Table {
    /// Results, a JSON object a line
    file: PathBuf,
}

/// What tells results apart, rather than being one.
const LABELS: [&str; 4] = ["benchmark", "job", "round", "at"];

/// A benchmark's jobs, each with its rounds, in the order that they were run in.
type Benchmark = (String, Vec<(String, Vec<Map<String, Value>>)>);

impl Table {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(&self.file)
            .with_context(|| format!("cannot read {}", self.file.display()))?;
        let mut benchmarks: Vec<Benchmark> = Vec::new();
        for line in text.lines() {
            let result: Map<String, Value> = serde_json::from_str(line)?;
            let label = |name: &str| {
                Ok::<_, anyhow::Error>(
                    result.get(name).and_then(Value::as_str).context("a label")?.to_owned(),
                )
            };
            let jobs = entry(&mut benchmarks, label("benchmark")?);
            entry(jobs, label("job")?).push(result);
        }
        for (name, jobs) in &benchmarks {
            println!("\n### {name}\n");
            print(jobs);
        }
        Ok(())
    }
}

/// The value of a key in a list that keeps its order, new if there is none.
fn entry<V: Default>(list: &mut Vec<(String, V)>, key: String) -> &mut V {
    let place = list.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
        list.push((key, V::default()));
        list.len() - 1
    });
    &mut list[place].1
}

fn print(jobs: &[(String, Vec<Map<String, Value>>)]) {
    let mut columns: Vec<&String> = Vec::new();
    for name in jobs.iter().flat_map(|(_, rounds)| rounds).flat_map(Map::keys) {
        if !LABELS.contains(&name.as_str()) && !columns.contains(&name) {
            columns.push(name);
        }
    }
    let names: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
    println!("| job | rounds | {} |\n|---|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for (job, rounds) in jobs {
        let cells: Vec<String> = names.iter().map(|name| range(rounds, name)).collect();
        println!("| {job} | {} | {} |", rounds.len(), cells.join(" | "));
    }
}

/// The least and the most of a value over rounds; texts as they are.
fn range(rounds: &[Map<String, Value>], name: &str) -> String {
    let values = rounds.iter().filter_map(|round| round.get(name));
    let mut numbers: Vec<f64> = values.clone().filter_map(Value::as_f64).collect();
    numbers.sort_by(f64::total_cmp);
    match (numbers.first(), numbers.last()) {
        (Some(least), Some(most)) if least == most => short(*least),
        (Some(least), Some(most)) => format!("{}–{}", short(*least), short(*most)),
        _ => {
            let mut texts: Vec<&str> = values.filter_map(Value::as_str).collect();
            texts.dedup();
            texts.join(", ")
        }
    }
}

/// Three digits and more: as many as anyone reads.
fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 100_000.0 => format!("{:.0} k", value / 1e3),
        large if large >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
