//! The process as a whole: whether it is ready, and what the system knows of it.

use super::limits::{register_disk, register_memory};
use super::processor_time::FineProcess;
use super::register::{gauge, register};
use prometheus::{IntCounter, IntGauge, Opts, Registry};
use std::path::Path;
use std::sync::LazyLock;

/// `recsys_log_lines_lost_total`. The log is one for the whole process, and older than other metrics.
pub static LOG_LINES_LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Lines of the log that standard error did not take";
    IntCounter::new("recsys_log_lines_lost_total", help).expect("its name is a good one")
});

/// The metrics of the process as a whole. Beside these there are the `process_*` of the Prometheus
/// library: memory, file descriptors, threads.
#[derive(Debug)]
pub struct ProcessMetrics {
    registry: Registry,
    /// `recsys_ready`
    pub ready: IntGauge,
    /// `recsys_processes`
    pub processes: IntGauge,
}

impl ProcessMetrics {
    pub(super) fn new(registry: &Registry) -> ProcessMetrics {
        register(registry, FineProcess::new());
        register_memory(registry);
        register(registry, LOG_LINES_LOST.clone());
        ProcessMetrics {
            registry: registry.clone(),
            ready: gauge(
                registry,
                Opts::new(
                    "recsys_ready",
                    "1 while the process waits for nothing; it waits at its start, until it has caught \
                     up, and while it has no file descriptor",
                ),
            ),
            processes: gauge(
                registry,
                Opts::new("recsys_processes", "Processes of the cluster, this one among them"),
            ),
        }
    }

    /// Makes the metrics of the disk that a folder is on, once.
    pub fn watch_disk(&self, folder: &Path) {
        register_disk(&self.registry, folder);
    }
}
