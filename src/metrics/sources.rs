//! What the sources count and gauge.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// What the sources count and gauge. Cheap to clone.
#[derive(Clone)]
pub struct SourceMetrics {
    /// Events, merges and catalogue rows taken in, by topic.
    pub events: IntCounterVec,
    /// Dead letters, by topic and [reason](crate::event::parse::Reason::name).
    pub dead_letters: IntCounterVec,
    /// Dead letters that could not be written to where they are kept.
    pub dead_letters_lost: IntCounter,
    /// How many offsets a partition has beyond what was read.
    pub lag: IntGaugeVec,
    /// Bytes that wait for a worker.
    pub queue_bytes: IntGaugeVec,
    /// Whether reading waits for a worker whose queue is full.
    pub paused: IntGaugeVec,
    /// Whether the source can be reached.
    pub connected: IntGauge,
}

impl SourceMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<SourceMetrics, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            Ok::<_, prometheus::Error>(gauges)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let dead_letters_lost = IntCounter::new(
            "recsys_dead_letters_lost_total",
            "Dead letters that could not be written to where they are kept.",
        )?;
        registry.register(Box::new(dead_letters_lost.clone()))?;
        Ok(SourceMetrics {
            events: counters(
                "recsys_events_total",
                "Events, merges and rows taken in.",
                &["topic"],
            )?,
            dead_letters: counters(
                "recsys_dead_letters_total",
                "Records that are no event, merge or row.",
                &["topic", "reason"],
            )?,
            dead_letters_lost,
            lag: gauges(
                "recsys_source_lag",
                "Offsets of a partition that were not read yet.",
                &["topic", "partition"],
            )?,
            queue_bytes: gauges(
                "recsys_source_queue_bytes",
                "Bytes read that wait for a worker.",
                &["worker"],
            )?,
            paused: gauges(
                "recsys_source_paused",
                "1 while reading waits for a worker whose queue is full.",
                &["worker"],
            )?,
            connected: gauge("recsys_source_connected", "1 while the source can be reached.")?,
        })
    }
}
