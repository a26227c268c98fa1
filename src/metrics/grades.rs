//! How good rankings are: the grades of a sample of visitors.

use super::register::{counter, counters, float_counters};
use dataflows::score::grade::{Grade, Graded, WAYS};
use prometheus::{CounterVec, IntCounter, IntCounterVec, Registry};

/// The metrics of grades. Their labels are few: what is graded, and the way.
#[derive(Clone, Debug)]
pub struct GradeMetrics {
    /// `recsys_graded_lists_total{ranking, products}`
    pub lists: IntCounterVec,
    /// `recsys_graded_hits_total{ranking, products}`
    pub hits: IntCounterVec,
    /// `recsys_graded_reciprocal_ranks_total{ranking, products}`
    pub reciprocal: CounterVec,
    /// `recsys_grading_skipped_events_total`
    pub skipped: IntCounter,
}

impl GradeMetrics {
    pub(super) fn new(registry: &Registry) -> GradeMetrics {
        let labels = &["ranking", "products"];
        let metrics = GradeMetrics {
            lists: counters(
                registry,
                "recsys_graded_lists_total",
                "Lists that were graded by what came next: those in force, and what they are compared with",
                labels,
            ),
            hits: counters(
                registry,
                "recsys_graded_hits_total",
                "Lists with what came among the first twenty; over all lists it is HR@20",
                labels,
            ),
            reciprocal: float_counters(
                registry,
                "recsys_graded_reciprocal_ranks_total",
                "Sum of 1/place of what came among the first twenty; over the lists it is MRR@20",
                labels,
            ),
            skipped: counter(
                registry,
                "recsys_grading_skipped_events_total",
                "Events that were not graded, as a backlog was read, questions were ahead, or they were too many",
            ),
        };
        for ranking in Graded::ALL {
            for way in WAYS {
                metrics.lists.with_label_values(&[ranking.name(), way]).inc_by(0);
                metrics.hits.with_label_values(&[ranking.name(), way]).inc_by(0);
                metrics.reciprocal.with_label_values(&[ranking.name(), way]).inc_by(0.0);
            }
        }
        metrics
    }

    /// Counts a grade.
    pub fn add(&self, grade: &Grade) {
        let [is_other, is_new] = grade.is;
        for (ranking, places) in Graded::ALL.into_iter().zip(grade.places) {
            let ways = WAYS.into_iter().zip(places).zip([true, is_other, is_new]);
            for ((way, place), _) in ways.filter(|(_, is_asked)| *is_asked) {
                let labels = [ranking.name(), way];
                self.lists.with_label_values(&labels).inc();
                if place > 0 {
                    self.hits.with_label_values(&labels).inc();
                    self.reciprocal.with_label_values(&labels).inc_by(1.0 / f64::from(place));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grade_counts_in_each_way_that_it_was_asked_in() {
        let metrics = GradeMetrics::new(&Registry::new());
        let told = |ranking: &str, products: &str| {
            let labels = [ranking, products];
            let lists = metrics.lists.with_label_values(&labels).get();
            let hits = metrics.hits.with_label_values(&labels).get();
            (lists, hits, metrics.reciprocal.with_label_values(&labels).get())
        };
        assert_eq!(told("in_force", "all"), (0, 0, 0.0));
        let (day, gate, parts) = (1, 0, Vec::new());
        let places = [[4, 2, 0], [0; 3], [20; 3], [1, 0, 0]];
        metrics.add(&Grade { day, gate, is: [true, false], places, parts: parts.clone() });
        metrics.add(&Grade { day, gate, is: [false; 2], places, parts });
        for (ranking, products, expected) in [
            ("in_force", "all", (2, 2, 0.5)),
            ("in_force", "other", (1, 1, 0.5)),
            ("in_force", "new", (0, 0, 0.0)),
            ("start", "all", (2, 0, 0.0)),
            ("popular", "other", (1, 1, 0.05)),
            ("last_seen", "all", (2, 2, 2.0)),
        ] {
            assert_eq!(told(ranking, products), expected, "{ranking} {products}");
        }
    }
}
