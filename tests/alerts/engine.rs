//! The metrics that the engine has, as Prometheus gets them.

use crate::rules::label;
use dataflows::score::merchandising::ActionKind;
use recsys::metrics::Metrics;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A scrape in which each metric has at least one series.
pub(crate) fn scrape() -> String {
    let metrics = Metrics::new();
    metrics.process.watch_disk(Path::new("."));
    metrics.http.request_duration.with_label_values(&["GET", "/", "200"]).observe(1.0);
    let engine = &metrics.engine;
    engine.worker(0).step_duration.observe(1.0);
    engine.arrangement_records.with_label_values(&["profile", "0"]).set(1);
    engine.held_bytes.with_label_values(&["profile", "0"]).set(1);
    engine.held_records.with_label_values(&["profile", "0"]).set(1);
    engine.arrangement_batches.with_label_values(&["profile", "0"]).set(1);
    metrics.sink.worker(0).errors("OOM").inc();
    metrics.sink.worker(0).mended("missing").inc();
    for setting in ["weights", "blend", "rules", "ranking"] {
        metrics.settings.fed(setting);
    }
    let sources = &metrics.sources;
    sources.events.with_label_values(&["view-events"]).inc();
    sources.errors.with_label_values(&["view-events"]).inc();
    sources.records_lost.with_label_values(&["view-events"]).inc();
    sources.retention_left.with_label_values(&["view-events"]).set(1);
    sources.dead_letters.with_label_values(&["view-events", "not_json"]).inc();
    sources.lag.with_label_values(&["view-events", "0"]).set(1);
    sources.lag_seconds.with_label_values(&["view-events", "0"]).set(1.0);
    sources.stalled.with_label_values(&["view-events", "0"]).set(1);
    sources.queue_bytes.with_label_values(&["0"]).set(1);
    sources.end_offset.with_label_values(&["view-events", "0"]).set(1);
    sources.broker_up.with_label_values(&["1"]).set(1);
    sources.replicas_missing.with_label_values(&["view-events"]).set(1);
    metrics.settings.weight.with_label_values(&["view"]).set(1.0);
    metrics.settings.rule_hits.add(ActionKind::Pin, "summer", 1);
    sources.paused.with_label_values(&["0"]).set(1);
    metrics.render().unwrap()
}

/// The names of all series.
pub(crate) fn names(scrape: &str) -> BTreeSet<&str> {
    let lines = scrape.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(['{', ' ']).next().unwrap()).collect()
}

/// The names of the labels of a metric; none if the engine does not have it.
pub(crate) fn label_names<'a>(scrape: &'a str, metric: &str) -> BTreeSet<&'a str> {
    let series = scrape.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{'));
    // The value of a label holds no comma here, and no brace ends it but the last.
    let labels = series.flat_map(|rest| rest.rsplit_once('}').unwrap().0.split(','));
    labels.map(|label| label.split_once('=').unwrap().0).collect()
}

/// The bounds of each histogram, as Prometheus writes them.
pub(crate) fn bounds() -> BTreeMap<String, BTreeSet<String>> {
    let mut bounds = BTreeMap::<_, BTreeSet<_>>::new();
    for line in scrape().lines() {
        let name = line.split('{').next().unwrap();
        if let (Some(name), Some(bound)) = (name.strip_suffix("_bucket"), label(line, "le")) {
            bounds.entry(name.to_owned()).or_default().insert(bound.to_owned());
        }
    }
    bounds
}
