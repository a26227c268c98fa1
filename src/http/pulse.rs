//! What a process does in a second, from the difference of its metrics.

use crate::event_log::Subject;
use crate::http::Front;
use crate::http::json::{self, Object};
use crate::metrics::Metrics;
use crate::readiness::CAUGHT_UP;
use dataflows::record::event::Kind;
use prometheus::core::Collector as _;
use prometheus::proto::Metric;
use std::collections::VecDeque;
use tokio::time::Instant;

/// The pulses from which freshness is told: one alone may have seen no event.
const PULSES: usize = 5;

/// The numbers at the last pulses.
pub(super) struct Pulse {
    last: Numbers,
    fresh: VecDeque<Vec<(f64, u64)>>,
}

/// Numbers that only grow.
struct Numbers {
    at: Instant,
    events: [f64; Kind::ALL.len()],
    requests: f64,
}

impl Pulse {
    pub(super) fn new(metrics: &Metrics) -> Pulse {
        Pulse { last: Numbers::now(metrics), fresh: VecDeque::from([freshness(metrics)]) }
    }

    /// Writes what happened since the last pulse, and what the last answer was as of, with its age in milliseconds when
    /// it came.
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        front: &Front,
        now: i64,
        answer: Option<(u64, i64)>,
    ) {
        let metrics = &front.metrics;
        let numbers = Numbers::now(metrics);
        let before = std::mem::replace(&mut self.last, numbers);
        let seconds = self.last.at.duration_since(before.at).as_secs_f64().max(1e-3);
        let per_second = |now: f64, before: f64| ((now - before) / seconds * 10.0).round() / 10.0;
        self.fresh.push_back(freshness(metrics));
        if self.fresh.len() > PULSES + 1 {
            self.fresh.pop_front();
        }
        let fresh = median(&self.fresh[0], &self.fresh[self.fresh.len() - 1]);
        let extents = front.source_health.extents();
        let object = Object::new(out).with("time", |out| json::time(out, now));
        let or_null = |number: Option<String>| number.unwrap_or_else(|| "null".into());
        let object = object
            .plain("asOf", or_null(answer.map(|(as_of, _)| as_of.to_string())))
            .plain("answerAgeMs", or_null(answer.map(|(_, age)| age.to_string())));
        let object = object
            .plain("ready", front.status.readiness.wait_for(CAUGHT_UP).is_none())
            .with("eventsPerSecond", |out| {
                let rates = Kind::ALL.map(|kind| {
                    let (now, before) = (&self.last.events, &before.events);
                    (kind.name(), per_second(now[kind.index()], before[kind.index()]))
                });
                let object = Object::new(out);
                rates.iter().fold(object, |object, (name, rate)| object.plain(name, rate)).end();
            })
            .plain("requestsPerSecond", per_second(self.last.requests, before.requests));
        let fresh = fresh.map(|seconds| ((seconds * 1e4).round() / 10.0).to_string());
        let object = object.plain("freshnessMs", or_null(fresh));
        object.plain("backlog", json::backlog(&extents)).end();
    }
}

impl Numbers {
    fn now(metrics: &Metrics) -> Numbers {
        let requests = metrics.http.request_duration.collect();
        let requests = requests.iter().flat_map(|family| family.get_metric());
        Numbers {
            at: Instant::now(),
            events: Kind::ALL.map(|kind| metrics.sources.read(Subject::Event(kind).topic())),
            requests: requests.map(count).sum(),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a process answers fewer than 2^53 requests")]
fn count(metric: &Metric) -> f64 {
    metric.get_histogram().get_sample_count() as f64
}

/// The buckets of the freshness: each bound in seconds, with the number of all below it.
fn freshness(metrics: &Metrics) -> Vec<(f64, u64)> {
    let families = metrics.sink.freshness.collect();
    let histograms = families.iter().flat_map(|family| family.get_metric());
    let buckets = histograms.flat_map(|metric| metric.get_histogram().get_bucket());
    buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).collect()
}

/// The bound below which half of what came between lies; `None` if nothing came, or it is above all bounds.
fn median(before: &[(f64, u64)], now: &[(f64, u64)]) -> Option<f64> {
    let came = || now.iter().zip(before).map(|(now, before)| (now.0, now.1 - before.1));
    let (_, all) = came().next_back().filter(|(_, all)| *all > 0)?;
    came().find(|(_, below)| all <= 2 * below).map(|(bound, _)| bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_what_came_between() {
        let before = [(0.001, 5), (0.002, 9), (0.005, 9)];
        assert_eq!(median(&before, &before), None);
        let now = [(0.001, 6), (0.002, 13), (0.005, 14)];
        assert_eq!(median(&before, &now), Some(0.002));
    }
}
