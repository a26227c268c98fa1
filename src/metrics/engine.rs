//! The workers, their arrangements, and the questions that they are asked.

use super::grades::GradeMetrics;
use super::register::{counter, counters, float_gauges, gauges, histograms};
use prometheus::core::Collector as _;
use prometheus::{Gauge, GaugeVec, Histogram, HistogramVec};
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Registry};
use std::collections::BTreeMap;

const STEP_SECONDS: [f64; 10] = [1e-5, 5e-5, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1, 1.0];

/// The metrics of the engine.
#[derive(Debug)]
pub struct EngineMetrics {
    /// `recsys_epoch_lag_seconds{worker}`
    pub epoch_lag: GaugeVec,
    /// `recsys_step_duration_seconds{worker}`
    pub step_duration: HistogramVec,
    /// `recsys_arrangement_records{name, worker}`
    pub arrangement_records: IntGaugeVec,
    /// `recsys_arrangement_batches{name, worker}`
    pub arrangement_batches: IntGaugeVec,
    /// `recsys_event_copies_total{worker}`
    pub copies: IntCounterVec,
    /// How good rankings are.
    pub grades: GradeMetrics,
    /// `recsys_held_records{name, worker}`
    pub held_records: IntGaugeVec,
    /// `recsys_held_bytes{name, worker}`
    pub held_bytes: IntGaugeVec,
    /// `recsys_questions_refused_total`
    pub questions_refused: IntCounter,
}

/// The metrics of one worker. Their labels are resolved once, so that its loop looks none up.
#[derive(Clone, Debug)]
pub struct EngineWorkerMetrics {
    /// `recsys_epoch_lag_seconds`
    pub epoch_lag: Gauge,
    /// `recsys_step_duration_seconds`
    pub step_duration: Histogram,
    /// `recsys_event_copies_total`
    pub copies: IntCounter,
    /// How good rankings are.
    pub grades: GradeMetrics,
}

impl EngineMetrics {
    pub(super) fn new(registry: &Registry) -> EngineMetrics {
        EngineMetrics {
            epoch_lag: float_gauges(
                registry,
                "recsys_epoch_lag_seconds",
                "Age of a worker's oldest open epoch, in seconds; 0 when none is open",
                &["worker"],
            ),
            step_duration: histograms(
                registry,
                "recsys_step_duration_seconds",
                "Seconds of one step of a worker that took input; a question waits for the step \
                 under way",
                &["worker"],
                &STEP_SECONDS,
            ),
            arrangement_records: gauges(
                registry,
                "recsys_arrangement_records",
                "Updates that an arrangement holds; its memory follows them",
                &["name", "worker"],
            ),
            arrangement_batches: gauges(
                registry,
                "recsys_arrangement_batches",
                "Batches that an arrangement consists of; a read seeks in each",
                &["name", "worker"],
            ),
            copies: counters(
                registry,
                "recsys_event_copies_total",
                "Events that did not count, as one with their user and eventId had been counted",
                &["worker"],
            ),
            grades: GradeMetrics::new(registry),
            held_records: gauges(
                registry,
                "recsys_held_records",
                "Records that a part of the state has: an arrangement, a dictionary, an index",
                &["name", "worker"],
            ),
            held_bytes: gauges(
                registry,
                "recsys_held_bytes",
                "Bytes of memory that these records take, as far as it is counted",
                &["name", "worker"],
            ),
            questions_refused: counter(
                registry,
                "recsys_questions_refused_total",
                "Questions refused because too many were waiting for the workers",
            ),
        }
    }

    /// The bytes that are held by this process, by who holds them.
    pub fn held(&self) -> BTreeMap<String, f64> {
        let mut held = BTreeMap::new();
        for family in self.held_bytes.collect() {
            for gauge in family.get_metric() {
                let name = gauge.get_label().iter().find(|label| label.name() == "name");
                let name = name.map_or_else(String::new, |label| label.value().to_owned());
                *held.entry(name).or_default() += gauge.get_gauge().get_value();
            }
        }
        held
    }

    /// The metrics of one worker, by its index among all workers.
    pub fn worker(&self, index: usize) -> EngineWorkerMetrics {
        let label = index.to_string();
        EngineWorkerMetrics {
            epoch_lag: self.epoch_lag.with_label_values(&[&label]),
            step_duration: self.step_duration.with_label_values(&[&label]),
            copies: self.copies.with_label_values(&[&label]),
            grades: self.grades.clone(),
        }
    }
}
