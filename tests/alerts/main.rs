//! Holds the alerts of `ops/prometheus` to the metrics that the engine has. promtool runs the alerts'
//! own tests; here is what it can't know.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod rules;

use recsys::metrics::Metrics;
use rules::{RULES, TESTS, alerts, label, series};
use std::collections::{BTreeMap, BTreeSet};

/// The bounds of each histogram of the engine, as Prometheus writes them.
fn bounds() -> BTreeMap<String, BTreeSet<String>> {
    let metrics = Metrics::new();
    metrics.http.request_duration.with_label_values(&["GET", "/", "200"]).observe(1.0);
    metrics.engine.worker(0).step_duration.observe(1.0);
    metrics.sink.worker(0).flush.observe(1.0);
    let mut bounds = BTreeMap::<_, BTreeSet<_>>::new();
    for line in metrics.render().unwrap().lines() {
        let name = line.split('{').next().unwrap();
        if let (Some(name), Some(bound)) = (name.strip_suffix("_bucket"), label(line, "le")) {
            bounds.entry(name.to_owned()).or_default().insert(bound.to_owned());
        }
    }
    bounds
}

#[test]
fn a_threshold_of_a_quantile_is_the_bound_of_a_bucket() {
    let bounds = bounds();
    let mut checked = 0;
    for alert in alerts(RULES).filter(|alert| alert.expr.contains("histogram_quantile")) {
        let (_, threshold) = alert.expr.rsplit_once(" > ").unwrap();
        let (before, _) = alert.expr.split_once("_bucket").unwrap();
        let name = before.rsplit('(').next().unwrap();
        assert!(bounds[name].contains(threshold), "{}: {threshold} of {name}", alert.name);
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn histograms_in_the_tests_of_the_rules_have_the_buckets_of_the_engine() {
    let bounds = bounds();
    let mut given = BTreeMap::<_, BTreeSet<_>>::new();
    for series in series(TESTS) {
        if let (Some((name, labels)), Some(bound)) =
            (series.split_once("_bucket{"), label(series, "le"))
        {
            let others = labels.replace(&format!("le=\"{bound}\""), "");
            given.entry((name, others)).or_default().insert(bound.to_owned());
        }
    }
    assert!(!given.is_empty());
    for ((name, labels), given) in given {
        assert_eq!(given, bounds[name], "{name}{{{labels}");
    }
}
