//! Profiles on their way to Redis.

use super::register::{counters, gauges, histogram, histograms};
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};

const FLUSH_SECONDS: [f64; 11] = [5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.5, 5.0];

/// The metrics of the sink.
#[derive(Debug)]
pub struct SinkMetrics {
    /// `recsys_sink_pending_users{worker}`
    pub pending_users: IntGaugeVec,
    /// `recsys_sink_flush_seconds{worker}`
    pub flush: HistogramVec,
    /// `recsys_sink_fields_total{worker}`
    pub fields: IntCounterVec,
    /// `recsys_sink_errors_total{worker,error}`
    pub errors: IntCounterVec,
    /// `recsys_sink_replaced_total{worker}`
    pub replaced: IntCounterVec,
    /// `recsys_sink_refused_total{worker}`
    pub refused: IntCounterVec,
    /// `recsys_sink_compared_total{worker}`
    pub compared: IntCounterVec,
    /// `recsys_sink_mended_total{worker,difference}`
    pub mended: IntCounterVec,
    /// `recsys_sink_connected{worker}`
    pub connected: IntGaugeVec,
    /// `recsys_freshness_seconds`
    pub freshness: Histogram,
}

/// The metrics of one worker's sink. Their labels are resolved once.
#[derive(Clone, Debug)]
pub struct SinkWorkerMetrics {
    /// `recsys_sink_pending_users`
    pub pending_users: IntGauge,
    /// `recsys_sink_flush_seconds`
    pub flush: Histogram,
    /// `recsys_sink_fields_total`
    pub fields: IntCounter,
    /// `recsys_sink_replaced_total`
    pub replaced: IntCounter,
    /// `recsys_sink_refused_total`
    pub refused: IntCounter,
    /// `recsys_sink_compared_total`
    pub compared: IntCounter,
    /// `recsys_sink_connected`
    pub connected: IntGauge,
    /// `recsys_freshness_seconds`, which all workers share.
    pub freshness: Histogram,
    /// `recsys_sink_errors_total`, `recsys_sink_mended_total`, and this worker's label.
    errors: IntCounterVec,
    mended: IntCounterVec,
    label: String,
}

impl SinkWorkerMetrics {
    /// `recsys_sink_errors_total` of one error.
    pub fn errors(&self, error: &str) -> IntCounter {
        self.errors.with_label_values(&[self.label.as_str(), error])
    }

    /// `recsys_sink_mended_total` of one difference.
    pub fn mended(&self, difference: &str) -> IntCounter {
        self.mended.with_label_values(&[self.label.as_str(), difference])
    }
}

impl SinkMetrics {
    pub(super) fn new(registry: &Registry) -> SinkMetrics {
        SinkMetrics {
            pending_users: gauges(
                registry,
                "recsys_sink_pending_users",
                "Users whose profile waits to be sent to Redis",
                &["worker"],
            ),
            flush: histograms(
                registry,
                "recsys_sink_flush_seconds",
                "Seconds from sending one pipeline of profiles until Redis has answered all of it",
                &["worker"],
                &FLUSH_SECONDS,
            ),
            fields: counters(
                registry,
                "recsys_sink_fields_total",
                "Hash fields written to Redis, or deleted there",
                &["worker"],
            ),
            replaced: counters(
                registry,
                "recsys_sink_replaced_total",
                "Profiles whose key was no hash in Redis, or had lost fields; they are written whole",
                &["worker"],
            ),
            refused: counters(
                registry,
                "recsys_sink_refused_total",
                "Commands on one profile that Redis refused (NOPERM); it is tried again later",
                &["worker"],
            ),
            compared: counters(
                registry,
                "recsys_sink_compared_total",
                "Profiles that were compared with what Redis holds of them",
                &["worker"],
            ),
            mended: counters(
                registry,
                "recsys_sink_mended_total",
                "Keys in Redis that a comparison has mended: profiles that were missing or wrong, and foreign \
                 keys, which are deleted",
                &["worker", "difference"],
            ),
            errors: counters(
                registry,
                "recsys_sink_errors_total",
                "Pipelines that Redis did not take, by the code of its error, or connection; they are sent again",
                &["worker", "error"],
            ),
            connected: gauges(
                registry,
                "recsys_sink_connected",
                "1 while Redis takes what a worker writes, else 0",
                &["worker"],
            ),
            freshness: histogram(
                registry,
                "recsys_freshness_seconds",
                "Seconds from an event's record time until Redis has answered with it written; of events \
                 that came after the start",
                freshness_seconds(),
            ),
        }
    }

    /// The metrics of one worker's sink, by the worker's index among all.
    pub fn worker(&self, index: usize) -> SinkWorkerMetrics {
        let label = index.to_string();
        SinkWorkerMetrics {
            pending_users: self.pending_users.with_label_values(&[&label]),
            flush: self.flush.with_label_values(&[&label]),
            fields: self.fields.with_label_values(&[&label]),
            replaced: self.replaced.with_label_values(&[&label]),
            refused: self.refused.with_label_values(&[&label]),
            compared: self.compared.with_label_values(&[&label]),
            connected: self.connected.with_label_values(&[&label]),
            freshness: self.freshness.clone(),
            errors: self.errors.clone(),
            mended: self.mended.clone(),
            label,
        }
    }

    /// Whether Redis takes what each worker writes; so it is where none writes.
    pub fn is_connected(&self) -> bool {
        let families = self.connected.collect();
        let mut gauges = families.iter().flat_map(|family| family.get_metric());
        gauges.all(|gauge| gauge.get_gauge().get_value() > 0.0)
    }
}

/// The buckets of the freshness: millisecond steps where the promise is made (p99 in the low tens),
/// then growing to a minute.
fn freshness_seconds() -> Vec<f64> {
    let steps = (1..=20).map(|step| f64::from(step) / 1e3);
    let growing = [0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
    steps.chain(growing).collect()
}
