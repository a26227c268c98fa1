//! The `process_*` metrics of the Prometheus library, with a finer clock.

use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Counter, MetricFamily};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The library's collector, which reads /proc. Its processor time is in whole seconds, so that a rate would
/// move in steps: the clock of the process is in nanoseconds.
pub(super) struct FineProcess(ProcessCollector);

impl FineProcess {
    pub(super) fn new() -> FineProcess {
        FineProcess(ProcessCollector::for_self())
    }
}

impl Collector for FineProcess {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.0.collect();
        let time = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default();
        for family in families.iter_mut().filter(|it| it.name() == "process_cpu_seconds_total") {
            for metric in family.mut_metric() {
                let mut counter = Counter::default();
                counter.set_value(time.as_secs_f64());
                metric.set_counter(counter);
            }
        }
        families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_moves_by_less_than_a_second() {
        let process = FineProcess::new();
        let seconds = || {
            let families = process.collect();
            let family = families.iter().find(|it| it.name() == "process_cpu_seconds_total");
            family.unwrap().get_metric()[0].get_counter().get_value()
        };
        let (began, mut work) = (seconds(), 0_u64);
        while seconds() < began + 0.02 {
            work = std::hint::black_box(work + 1);
        }
        assert!(seconds() < began + 0.9, "{work}");
    }
}
