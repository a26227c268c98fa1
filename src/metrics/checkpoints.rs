//! Checkpoints.

use super::register::{counter, float_gauge, gauge};
use prometheus::{Gauge, IntCounter, IntGauge, Opts, Registry};

/// The metrics of checkpoints, in the process that completes them.
#[derive(Clone, Debug)]
pub struct CheckpointMetrics {
    /// `recsys_checkpoint_written_timestamp_seconds`
    pub written: IntGauge,
    /// `recsys_checkpoint_bytes`
    pub bytes: IntGauge,
    /// `recsys_checkpoint_new_bytes_total`
    pub new_bytes: IntCounter,
    /// `recsys_checkpoint_duration_seconds`
    pub duration: Gauge,
    /// `recsys_checkpoints_total`
    pub total: IntCounter,
    /// `recsys_checkpoint_failures_total`
    pub failures: IntCounter,
}

impl CheckpointMetrics {
    pub(super) fn new(registry: &Registry) -> CheckpointMetrics {
        let gauge = |name: &str, help: &str| gauge(registry, Opts::new(name, help));
        CheckpointMetrics {
            written: gauge(
                "recsys_checkpoint_written_timestamp_seconds",
                "When the state was last found to be in a checkpoint, since the Unix epoch; 0 before the first",
            ),
            bytes: gauge(
                "recsys_checkpoint_bytes",
                "Bytes of all that the last checkpoint is made of",
            ),
            new_bytes: counter(
                registry,
                "recsys_checkpoint_new_bytes_total",
                "Bytes of changes that were written for checkpoints",
            ),
            duration: float_gauge(
                registry,
                "recsys_checkpoint_duration_seconds",
                "Time from asking for the last checkpoint to its manifest",
            ),
            total: counter(registry, "recsys_checkpoints_total", "Checkpoints that were written"),
            failures: counter(
                registry,
                "recsys_checkpoint_failures_total",
                "Tries to write a checkpoint that failed; the next one has its changes as well",
            ),
        }
    }
}
