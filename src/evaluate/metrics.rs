//! How far down the list the next product was.

use serde::Serialize;
use std::collections::HashSet;

/// How many products of a list count.
pub const LENGTH: usize = 20;

/// Hits and their places, over many lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// How many next products were looked for.
    pub asked: u64,
    /// The share found among the first ten.
    #[serde(rename = "hr@10")]
    pub hr10: f64,
    /// The share found among the first twenty.
    #[serde(rename = "hr@20")]
    pub hr20: f64,
    /// The mean of 1/place, 0 below the tenth.
    #[serde(rename = "mrr@10")]
    pub mrr10: f64,
    /// The mean of 1/place, 0 below the twentieth.
    #[serde(rename = "mrr@20")]
    pub mrr20: f64,
    /// The mean of 1/log2(1 + place), 0 below the twentieth: with one product to find, the ideal
    /// gain is one.
    #[serde(rename = "ndcg@20")]
    pub ndcg20: f64,
}

/// Counts places.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// How often the product was at each place, from the first.
    at: [u64; LENGTH],
    asked: u64,
}

impl Places {
    /// Counts where a product was in a list.
    pub fn count<'a>(&mut self, list: impl IntoIterator<Item = &'a u32>, product: u32) {
        self.asked += 1;
        if let Some(place) = list.into_iter().take(LENGTH).position(|&other| other == product) {
            self.at[place] += 1;
        }
    }

    /// What it comes to.
    #[allow(clippy::cast_precision_loss, reason = "no set has 2^53 clicks")]
    pub fn metrics(&self) -> Metrics {
        let mean = |until: usize, gain: fn(f64) -> f64| {
            let places = self.at[..until].iter().zip(1_u32..);
            let sum: f64 = places.map(|(&count, place)| count as f64 * gain(place.into())).sum();
            sum / self.asked.max(1) as f64
        };
        Metrics {
            asked: self.asked,
            hr10: mean(10, |_| 1.0),
            hr20: mean(20, |_| 1.0),
            mrr10: mean(10, |place| 1.0 / place),
            mrr20: mean(20, |place| 1.0 / place),
            ndcg20: mean(20, |place| 1.0 / (1.0 + place).log2()),
        }
    }
}

/// One method's numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// With every product allowed in the list.
    pub all: Metrics,
    /// Without the product that is being looked at, over the clicks that left it.
    pub without_current: Metrics,
    /// Products new to the visit alone, over the clicks on such.
    pub new: Metrics,
    /// The share of known products that were in any list.
    pub coverage: f64,
}

/// Judges lists.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    all: Places,
    without_current: Places,
    new: Places,
    shown: HashSet<u32>,
}

impl Judge {
    /// Judges a list of at least [`LENGTH`] products and one for each of the visit's, where there
    /// are as many. `visit` are the visit's products, the newest last.
    pub fn judge(&mut self, list: &[u32], visit: &[u32], next: u32) {
        self.shown.extend(list.iter().take(LENGTH));
        self.all.count(list, next);
        let current = visit.last().copied();
        if current != Some(next) {
            let rest = list.iter().filter(|&&product| Some(product) != current);
            self.without_current.count(rest, next);
        }
        if !visit.contains(&next) {
            self.new.count(list.iter().filter(|product| !visit.contains(product)), next);
        }
    }

    /// The numbers, where so many products could have been shown.
    #[allow(clippy::cast_precision_loss, reason = "no set has 2^53 products")]
    pub fn quality(&self, known: usize) -> Quality {
        Quality {
            all: self.all.metrics(),
            without_current: self.without_current.metrics(),
            new: self.new.metrics(),
            coverage: self.shown.len() as f64 / known.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges one list; what each of the three ways finds at 20, as 1/place.
    fn check(list: &[u32], visit: &[u32], next: u32, expected: [Option<f64>; 3]) {
        let mut judge = Judge::default();
        judge.judge(list, visit, next);
        let Quality { all, without_current, new, .. } = judge.quality(1);
        let told =
            [all, without_current, new].map(|metrics| (metrics.asked > 0).then_some(metrics.mrr20));
        assert_eq!(told, expected, "{list:?} after {visit:?}, then {next}");
    }

    #[test]
    fn places_are_counted_in_the_list_that_may_be_shown() {
        check(&[1, 2, 3, 4], &[2, 1], 3, [Some(1.0 / 3.0), Some(1.0 / 2.0), Some(1.0)]);
        check(&[1, 2, 3, 4], &[2, 1], 2, [Some(1.0 / 2.0), Some(1.0), None]);
        check(&[1, 2, 3, 4], &[2, 1], 1, [Some(1.0), None, None]);
        check(&[1, 2], &[2, 1], 5, [Some(0.0); 3]);
        let long: Vec<u32> = (1..=30).collect();
        check(&long, &[1], 21, [Some(0.0), Some(1.0 / 20.0), Some(1.0 / 20.0)]);
    }

    #[test]
    fn metrics_are_means_over_all_that_was_asked() {
        let mut places = Places::default();
        let list: Vec<u32> = (1..=25).collect();
        for next in [1, 4, 11, 21] {
            places.count(&list, next);
        }
        let expected = Metrics {
            asked: 4,
            hr10: 2.0 / 4.0,
            hr20: 3.0 / 4.0,
            mrr10: (1.0 + 1.0 / 4.0) / 4.0,
            mrr20: (1.0 + 1.0 / 4.0 + 1.0 / 11.0) / 4.0,
            ndcg20: (1.0 + 1.0 / 5_f64.log2() + 1.0 / 12_f64.log2()) / 4.0,
        };
        let metrics = places.metrics();
        assert!((metrics.ndcg20 - expected.ndcg20).abs() < 1e-12, "{metrics:?}");
        assert_eq!(Metrics { ndcg20: expected.ndcg20, ..metrics }, expected);
        assert_eq!(Places::default().metrics(), Metrics::default());
    }

    #[test]
    fn coverage_is_the_share_of_products_shown_among_the_first_twenty() {
        let mut judge = Judge::default();
        judge.judge(&(0..30).collect::<Vec<u32>>(), &[1], 2);
        judge.judge(&[0, 25], &[1], 2);
        assert!((judge.quality(42).coverage - 0.5).abs() < 1e-12);
    }
}
