//! Holds the alerts of `ops/prometheus` and the panels of `ops/grafana` to the metrics that there are, and the
//! runbook to the alerts.
//! promtool runs the alerts' own tests; here is what it can't know.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod rules;
mod promql;
mod exporters;
mod engine;
mod panels;
mod layout;
mod runbook;
mod targets;

use engine::{bounds, label_names, names, scrape};
use panels::{Panel, panels};
use rules::{RULES, TESTS, alerts, cases, label, series};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn each_alert_fires_in_one_test_and_in_another_it_does_not() {
    let mut faults = Vec::new();
    for alert in alerts(RULES) {
        let cases: Vec<_> = cases(TESTS).filter(|case| case.alert == alert.name).collect();
        if !cases.iter().any(|case| case.fires) {
            faults.push(format!("{} fires in no test", alert.name));
        }
        // Silence says nothing where one of the metrics is missing.
        let metrics = promql::metrics(&alert.expr);
        let is_told = |case: &&rules::Case<'_>| {
            !case.fires && metrics.iter().all(|metric| case.metrics.contains(metric))
        };
        if !cases.iter().any(|case| is_told(&case)) {
            faults.push(format!("{} is silent in no test that has {metrics:?}", alert.name));
        }
    }
    for case in cases(TESTS) {
        if !alerts(RULES).any(|alert| alert.name == case.alert) {
            faults.push(format!("{}: there is no alert {}", case.test, case.alert));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_metric_that_an_alert_or_a_panel_names_is_there() {
    let scrape = scrape();
    let names = names(&scrape);
    let alerts = alerts(RULES).map(|alert| (alert.name.to_owned(), alert.expr));
    let panels = panels().into_iter().map(|panel| (panel.title, panel.expr));
    for (place, expr) in alerts.chain(panels) {
        let metrics = promql::metrics(&expr);
        assert!(!metrics.is_empty(), "{place}: {expr}");
        for metric in metrics {
            let is_there = names.contains(metric) || exporters::has(metric);
            assert!(is_there, "{place}: nobody has {metric}");
        }
    }
}

#[test]
fn a_legend_tells_all_series_of_a_panel_apart() {
    let scrape = scrape();
    let mut legends = BTreeSet::new();
    for Panel { title, kind, expr, legend } in panels() {
        let mut labels = promql::kept_labels(&expr).unwrap_or_else(|| {
            let metrics = promql::metrics(&expr);
            // Prometheus adds the instance.
            let own = metrics.into_iter().flat_map(|metric| label_names(&scrape, metric));
            own.chain(["instance"]).collect()
        });
        labels.remove("le");
        for label in &labels {
            let is_told = legend.contains(&format!("{{{{{label}}}}}"));
            assert!(is_told, "{title}: {legend:?} does not tell {label} of {expr}");
        }
        // One line of several, or one number.
        assert!(!labels.is_empty() || kind == "stat" || !legend.is_empty(), "{title}");
        assert!(legends.insert((title.clone(), kind, legend)), "{title}: two legends are the same");
    }
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
    for case in TESTS.split("  - name: ") {
        let mut given = BTreeMap::<_, BTreeSet<_>>::new();
        for series in series(case) {
            if let (Some((name, labels)), Some(bound)) =
                (series.split_once("_bucket{"), label(series, "le"))
            {
                let others = labels.replace(&format!("le=\"{bound}\""), "");
                given.entry((name, others)).or_default().insert(bound.to_owned());
            }
        }
        for ((name, labels), given) in given {
            assert_eq!(given, bounds[name], "{name}{{{labels}");
        }
    }
}
