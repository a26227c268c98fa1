//! Events as they are read from topics.

use super::register::{counter, counters, float_gauges, gauge, gauges};
use prometheus::core::Collector as _;
use prometheus::proto::Metric;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The metrics of the sources. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SourceMetrics {
    /// `recsys_events_total{topic}`
    pub events: IntCounterVec,
    /// `recsys_dead_letters_total{topic, reason}`, with a parser's `Reason::name`.
    pub dead_letters: IntCounterVec,
    /// `recsys_dead_letters_lost_total`
    pub dead_letters_lost: IntCounter,
    /// `recsys_source_lag{topic, partition}`, in offsets.
    pub lag: IntGaugeVec,
    /// `recsys_source_lag_seconds{topic, partition}`
    pub lag_seconds: GaugeVec,
    /// `recsys_source_errors_total{topic}`
    pub errors: IntCounterVec,
    /// `recsys_source_records_lost_total{topic}`, in offsets.
    pub records_lost: IntCounterVec,
    /// `recsys_retention_left_seconds{topic}`
    pub retention_left: IntGaugeVec,
    /// `recsys_source_commits_failed_total`
    pub commits_failed: IntCounter,
    /// `recsys_source_stalled{topic, partition}`
    pub stalled: IntGaugeVec,
    /// `recsys_source_queue_bytes{worker}`
    pub queue_bytes: IntGaugeVec,
    /// `recsys_source_paused{worker}`
    pub paused: IntGaugeVec,
    /// `recsys_source_connected`
    pub connected: IntGauge,
    /// `recsys_kafka_read_queue_bytes`
    pub read_queue_bytes: IntGauge,
    /// `recsys_kafka_end_offset{topic, partition}`
    pub end_offset: IntGaugeVec,
    /// `recsys_kafka_broker_up{broker}`
    pub broker_up: IntGaugeVec,
    /// `recsys_kafka_replicas_missing{topic}`
    pub replicas_missing: IntGaugeVec,
}

impl SourceMetrics {
    /// How many records of topics with names that end so were read.
    pub fn read(&self, topic: &str) -> f64 {
        let families = self.events.collect();
        let metrics = families.iter().flat_map(|family| family.get_metric());
        let is_of = |metric: &&Metric| {
            metric.get_label().iter().any(|label| label.value().ends_with(topic))
        };
        metrics.filter(is_of).map(|metric| metric.get_counter().get_value()).sum()
    }

    pub(super) fn new(registry: &Registry) -> SourceMetrics {
        SourceMetrics {
            events: counters(
                registry,
                "recsys_events_total",
                "Events, merges, forgets and catalogue rows read",
                &["topic"],
            ),
            dead_letters: counters(
                registry,
                "recsys_dead_letters_total",
                "Records that the parser refused, by its reason",
                &["topic", "reason"],
            ),
            dead_letters_lost: counter(
                registry,
                "recsys_dead_letters_lost_total",
                "Dead letters that could not be written to their topic",
            ),
            lag: gauges(
                registry,
                "recsys_source_lag",
                "Offsets of a partition that are not read yet",
                &["topic", "partition"],
            ),
            lag_seconds: float_gauges(
                registry,
                "recsys_source_lag_seconds",
                "Seconds since all was read that a partition held then; answers are that much \
                 older for what is not read yet",
                &["topic", "partition"],
            ),
            errors: counters(
                registry,
                "recsys_source_errors_total",
                "Reads and look-ups of a partition that failed",
                &["topic"],
            ),
            records_lost: counters(
                registry,
                "recsys_source_records_lost_total",
                "Offsets of a topic that were deleted before they were read",
                &["topic"],
            ),
            retention_left: gauges(
                registry,
                "recsys_retention_left_seconds",
                "Seconds until a topic may delete a record that no checkpoint has; without checkpoints, one that is \
                 not read",
                &["topic"],
            ),
            commits_failed: counter(
                registry,
                "recsys_source_commits_failed_total",
                "Commits of offsets, for lag tools alone, that failed",
            ),
            stalled: gauges(
                registry,
                "recsys_source_stalled",
                "1 while a partition's lag has stood still for 30 seconds, else 0",
                &["topic", "partition"],
            ),
            queue_bytes: gauges(
                registry,
                "recsys_source_queue_bytes",
                "Bytes that are read and wait for a worker",
                &["worker"],
            ),
            paused: gauges(
                registry,
                "recsys_source_paused",
                "1 while reading waits for a worker whose queue is full, else 0",
                &["worker"],
            ),
            connected: gauge(
                registry,
                Opts::new(
                    "recsys_source_connected",
                    "1 while the brokers, or the folder of topic files, can be reached, else 0",
                ),
            ),
            read_queue_bytes: gauge(
                registry,
                Opts::new(
                    "recsys_kafka_read_queue_bytes",
                    "Bytes of records that came from brokers, and that no worker's reader has taken yet",
                ),
            ),
            end_offset: gauges(
                registry,
                "recsys_kafka_end_offset",
                "Offset at which a partition ends that this process reads, whoever writes to it",
                &["topic", "partition"],
            ),
            broker_up: gauges(
                registry,
                "recsys_kafka_broker_up",
                "1 while a broker is in its cluster, as Kafka told last; 0 once it is gone, or none answers",
                &["broker"],
            ),
            replicas_missing: gauges(
                registry,
                "recsys_kafka_replicas_missing",
                "Replicas of a topic's partitions that are not in sync, as Kafka told last",
                &["topic"],
            ),
        }
    }
}
