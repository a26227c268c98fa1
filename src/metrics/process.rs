//! The process as a whole: whether it is ready, and what the system knows of it.

use super::register::gauge;
use prometheus::{IntGauge, Opts, Registry};

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
