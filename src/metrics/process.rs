//! The process as a whole: whether it is ready, and what the system knows of it.

use super::register::gauge;
use prometheus::{IntCounter, IntGauge, Opts, Registry};
use std::sync::LazyLock;

/// `recsys_log_lines_lost_total`. The log is one for the whole process, and older than other metrics.
pub static LOG_LINES_LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Lines of the log that standard error did not take";
    IntCounter::new("recsys_log_lines_lost_total", help).expect("its name is a good one")
});

/// The metrics of the process as a whole. Beside these there are the `process_*` of the Prometheus
/// library: memory, processor time, file descriptors.
#[derive(Debug)]
pub struct ProcessMetrics {
    /// `recsys_ready`
    pub ready: IntGauge,
}

impl ProcessMetrics {
    pub(super) fn new(registry: &Registry) -> ProcessMetrics {
        // The collector reads /proc.
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("nothing else registers process_*");
        registry
            .register(Box::new(LOG_LINES_LOST.clone()))
            .expect("nothing else registers recsys_log_lines_lost_total");
        ProcessMetrics {
            ready: gauge(
                registry,
                Opts::new(
                    "recsys_ready",
                    "1 once the process has caught up with all that it waits for at its start, \
                     0 before",
                ),
            ),
        }
    }
}
