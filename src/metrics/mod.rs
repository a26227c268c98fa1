//! Everything that Prometheus sees of a process: every metric's name, unit and labels.
//!
//! Labels are bounded: routes are patterns, workers and arrangements are known at the start.

use prometheus::core::Collector;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The metrics of a process, in one registry of their own.
#[derive(Debug)]
pub struct Metrics {
    /// Where all of them are registered; parts that need more of their own add them here.
    pub registry: Registry,
    /// How long HTTP requests took, in milliseconds, labelled `method`, `route`, `status_code`.
    pub http_request_duration_ms: HistogramVec,
    /// The engine's own.
    pub engine: EngineMetrics,
}

/// What the workers and the sink show.
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
    /// `recsys_sink_pending_users{worker}`
    pub sink_pending_users: IntGaugeVec,
    /// `recsys_sink_flush_seconds{worker}`
    pub sink_flush: HistogramVec,
    /// `recsys_sink_fields_total{worker}`
    pub sink_fields: IntCounterVec,
    /// `recsys_sink_errors_total{worker}`
    pub sink_errors: IntCounterVec,
    /// `recsys_freshness_seconds`
    pub freshness: Histogram,
    /// `recsys_ready`
    pub ready: IntGauge,
    /// `recsys_questions_refused_total`
    pub questions_refused: IntCounter,
}

/// The engine's metrics of one worker, resolved once, so that its loop looks no label up.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    /// Seconds between now and the last closed epoch.
    pub epoch_lag: prometheus::Gauge,
    /// Seconds of one step of the worker.
    pub step_duration: Histogram,
    /// Users whose profile waits to be written, at most.
    pub sink_pending_users: IntGauge,
    /// Seconds of one flush.
    pub sink_flush: Histogram,
    /// Hash fields written or deleted.
    pub sink_fields: IntCounter,
    /// Flushes that failed.
    pub sink_errors: IntCounter,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        // The collector reads /proc.
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("nothing is registered yet");
        Metrics {
            http_request_duration_ms: histograms(
                &registry,
                "http_request_duration_ms",
                "Time from a request's head to its answer's, in milliseconds, by route pattern",
                &["method", "route", "status_code"],
                HTTP_MILLISECONDS.to_vec(),
            ),
            engine: EngineMetrics::new(&registry),
            registry,
        }
    }

    /// All values now, in Prometheus's text format.
    ///
    /// # Errors
    /// When a collector that was added to the registry hands out what the format can't hold.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl EngineMetrics {
    fn new(registry: &Registry) -> EngineMetrics {
        EngineMetrics {
            epoch_lag: registered(registry, GaugeVec::new(
                Opts::new("recsys_epoch_lag_seconds", "Seconds between now and the last closed epoch"),
                &["worker"],
            )),
            step_duration: histograms(
                registry,
                "recsys_step_duration_seconds",
                "Seconds of one step of the worker; the longest bound what a query waits",
                &["worker"],
                STEP_SECONDS.to_vec(),
            ),
            arrangement_records: gauges(
                registry,
                "recsys_arrangement_records",
                "Updates that an arrangement holds, a number; about its memory",
                &["name", "worker"],
            ),
            arrangement_batches: gauges(
                registry,
                "recsys_arrangement_batches",
                "Batches that an arrangement holds, a number; a read seeks in each",
                &["name", "worker"],
            ),
            sink_pending_users: gauges(
                registry,
                "recsys_sink_pending_users",
                "Users whose profile waits to be written to Redis, at most; a number",
                &["worker"],
            ),
            sink_flush: histograms(
                registry,
                "recsys_sink_flush_seconds",
                "Seconds from sending one batch of profiles to Redis until all of it is answered",
                &["worker"],
                FLUSH_SECONDS.to_vec(),
            ),
            sink_fields: counters(
                registry,
                "recsys_sink_fields_total",
                "Hash fields written to Redis or deleted there, a number",
                &["worker"],
            ),
            sink_errors: counters(
                registry,
                "recsys_sink_errors_total",
                "Batches that Redis did not take, a number; they are sent again",
                &["worker"],
            ),
            freshness: registered(registry, Histogram::with_opts(
                HistogramOpts::new(
                    "recsys_freshness_seconds",
                    "Seconds from an event's record time until Redis has answered with it written",
                )
                .buckets(freshness_seconds()),
            )),
            ready: registered(registry, IntGauge::new(
                "recsys_ready",
                "1 once the process has caught up with all that it waits for at its start, 0 before",
            )),
            questions_refused: registered(registry, IntCounter::new(
                "recsys_questions_refused_total",
                "Questions turned away because too many waited for the workers, a number",
            )),
        }
    }

    /// Those of one worker.
    pub fn worker(&self, index: usize) -> WorkerMetrics {
        let label = index.to_string();
        let labels = [label.as_str()];
        WorkerMetrics {
            epoch_lag: self.epoch_lag.with_label_values(&labels),
            step_duration: self.step_duration.with_label_values(&labels),
            sink_pending_users: self.sink_pending_users.with_label_values(&labels),
            sink_flush: self.sink_flush.with_label_values(&labels),
            sink_fields: self.sink_fields.with_label_values(&labels),
            sink_errors: self.sink_errors.with_label_values(&labels),
        }
    }
}

const HTTP_MILLISECONDS: [f64; 14] =
    [0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0];
const STEP_SECONDS: [f64; 10] = [1e-5, 5e-5, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1, 1.0];
const FLUSH_SECONDS: [f64; 11] = [5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.5, 5.0];

/// Millisecond steps where the promise is made (p99 in the low tens), then growing to a minute.
fn freshness_seconds() -> Vec<f64> {
    let steps = (1..=20).map(|step| f64::from(step) / 1e3);
    let growing = [0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
    steps.chain(growing).collect()
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: Vec<f64>,
) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(buckets);
    registered(registry, HistogramVec::new(opts, labels))
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

/// Registers a metric whose name, labels and buckets are constants of this file.
fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<C>,
) -> C {
    let metric = metric.expect("the names and buckets of this file are well formed");
    registry.register(Box::new(metric.clone())).expect("a name of this file is registered once");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_shown_with_its_labels() {
        let metrics = Metrics::new();
        let labels = ["GET", "/api/user-profile/{userId}", "200"];
        metrics.http_request_duration_ms.with_label_values(&labels).observe(1.5);
        let worker = metrics.engine.worker(3);
        worker.epoch_lag.set(0.25);
        worker.sink_fields.inc_by(7);
        metrics.engine.arrangement_records.with_label_values(&["profile", "3"]).set(11);
        metrics.engine.freshness.observe(0.0065);
        let text = metrics.render().unwrap();
        for line in [
            "http_request_duration_ms_bucket{method=\"GET\",\
             route=\"/api/user-profile/{userId}\",status_code=\"200\",le=\"2\"} 1",
            "recsys_epoch_lag_seconds{worker=\"3\"} 0.25",
            "recsys_sink_fields_total{worker=\"3\"} 7",
            "recsys_arrangement_records{name=\"profile\",worker=\"3\"} 11",
            "recsys_freshness_seconds_bucket{le=\"0.006\"} 0",
            "recsys_freshness_seconds_bucket{le=\"0.007\"} 1",
            "recsys_ready 0",
            "recsys_questions_refused_total 0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("process_resident_memory_bytes"));
    }
}
