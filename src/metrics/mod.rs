//! Every metric of a process, with its name, unit, labels and help: one file a subject.
//!
//! Labels are bounded: routes are patterns, and topics, workers and arrangements are known at the
//! start.

mod register;
mod grades;
mod limits;
mod processor_time;
mod process;
mod sources;
mod settings;
mod engine;
mod sink;
mod checkpoints;
mod http;

pub use checkpoints::CheckpointMetrics;
pub use engine::{EngineMetrics, EngineWorkerMetrics};
pub use grades::GradeMetrics;
pub use http::HttpMetrics;
pub use process::{LOG_LINES_LOST, ProcessMetrics};
pub use settings::{SettingMetrics, SettingsMetrics};
pub use sink::{SinkMetrics, SinkWorkerMetrics};
pub use sources::SourceMetrics;

use prometheus::{Registry, TextEncoder};

/// The metrics of a process, in one registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// The process as a whole.
    pub process: ProcessMetrics,
    /// Events as they are read.
    pub sources: SourceMetrics,
    /// The settings that may change at run time.
    pub settings: SettingsMetrics,
    /// The workers and their arrangements.
    pub engine: EngineMetrics,
    /// Profiles on their way to Redis.
    pub sink: SinkMetrics,
    /// Checkpoints.
    pub checkpoints: CheckpointMetrics,
    /// Requests.
    pub http: HttpMetrics,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        Metrics {
            process: ProcessMetrics::new(&registry),
            sources: SourceMetrics::new(&registry),
            settings: SettingsMetrics::new(&registry),
            engine: EngineMetrics::new(&registry),
            sink: SinkMetrics::new(&registry),
            checkpoints: CheckpointMetrics::new(&registry),
            http: HttpMetrics::new(&registry),
            registry,
        }
    }

    /// Returns all values as they are now, in Prometheus's text format.
    ///
    /// # Errors
    /// When a metric holds what the format cannot express.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;
    use dataflows::score::merchandising::ActionKind;

    #[test]
    fn every_metric_is_shown_with_its_labels() {
        let metrics = Metrics::new();
        let labels = ["GET", "/api/user-profile/{userId}", "200"];
        metrics.http.request_duration.with_label_values(&labels).observe(1.5);
        metrics.engine.arrangement_records.with_label_values(&["profile", "3"]).set(11);
        metrics.engine.worker(3).epoch_lag.set(0.25);
        let sink = metrics.sink.worker(3);
        sink.fields.inc_by(7);
        sink.freshness.observe(0.0065);
        sink.connected.set(1);
        metrics.sources.events.with_label_values(&["view-events"]).inc();
        metrics.sources.lag.with_label_values(&["view-events", "1"]).set(5);
        metrics.sources.lag_seconds.with_label_values(&["view-events", "1"]).set(2.5);
        metrics.sources.end_offset.with_label_values(&["view-events", "1"]).set(9);
        metrics.sources.broker_up.with_label_values(&["2"]).set(1);
        metrics.sources.replicas_missing.with_label_values(&["view-events"]).set(3);
        metrics.settings.weight.with_label_values(&["view"]).set(1.5);
        metrics.process.processes.set(2);
        metrics.process.watch_disk(std::path::Path::new("."));
        assert!(!metrics.render().unwrap().contains("recsys_settings_"), "no setting is fed");
        let [weights, ..] =
            ["weights", "blend", "rules", "ranking"].map(|setting| metrics.settings.fed(setting));
        weights.version.inc();
        metrics.settings.rule_hits.add(ActionKind::Pin, "summer", 2);
        let text = metrics.render().unwrap();
        for line in [
            "http_request_duration_ms_bucket{method=\"GET\",\
             route=\"/api/user-profile/{userId}\",status_code=\"200\",le=\"2\"} 1",
            "http_request_duration_ms_count{method=\"GET\",route=\"/\",status_code=\"500\"} 0",
            "recsys_connections_refused_total 0",
            "recsys_descriptor_shortages_total 0",
            "recsys_epoch_lag_seconds{worker=\"3\"} 0.25",
            "recsys_arrangement_records{name=\"profile\",worker=\"3\"} 11",
            "recsys_questions_refused_total 0",
            "recsys_sink_fields_total{worker=\"3\"} 7",
            "recsys_sink_connected{worker=\"3\"} 1",
            "recsys_checkpoint_written_timestamp_seconds 0",
            "recsys_checkpoint_failures_total 0",
            "recsys_freshness_seconds_bucket{le=\"0.006\"} 0",
            "recsys_freshness_seconds_bucket{le=\"0.007\"} 1",
            "recsys_events_total{topic=\"view-events\"} 1",
            "recsys_source_lag{partition=\"1\",topic=\"view-events\"} 5",
            "recsys_source_lag_seconds{partition=\"1\",topic=\"view-events\"} 2.5",
            "recsys_source_connected 0",
            "recsys_kafka_end_offset{partition=\"1\",topic=\"view-events\"} 9",
            "recsys_kafka_broker_up{broker=\"2\"} 1",
            "recsys_kafka_replicas_missing{topic=\"view-events\"} 3",
            "recsys_weight{event_type=\"view\"} 1.5",
            "recsys_source_commits_failed_total 0",
            "recsys_weights_version 1",
            "recsys_blend_rejected_total 0",
            "recsys_rules_rejected_total 0",
            "recsys_rule_hits_total{action=\"pin\",rule=\"summer\"} 2",
            "recsys_settings_connected{setting=\"blend\"} 0",
            "recsys_settings_refused{setting=\"weights\"} 0",
            "recsys_model_known 0",
            "recsys_graded_lists_total{products=\"all\",ranking=\"in_force\"} 0",
            "recsys_graded_hits_total{products=\"new\",ranking=\"popular\"} 0",
            "recsys_graded_reciprocal_ranks_total{products=\"other\",ranking=\"last_seen\"} 0",
            "recsys_grading_skipped_events_total 0",
            "recsys_ready 0",
            "recsys_processes 2",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is missing in\n{text}");
        }
        for name in [
            "process_resident_memory_bytes",
            "process_cpu_seconds_total",
            "recsys_memory_limit_bytes",
            "recsys_files_free_bytes",
            "recsys_files_size_bytes",
        ] {
            assert!(
                text.lines().any(|line| line.starts_with(name)),
                "{name} is missing in\n{text}"
            );
        }
    }
}
