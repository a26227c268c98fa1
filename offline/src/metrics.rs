//! Metrics of ranked lists: at which rank was the next product?

use serde::Serialize;
use std::collections::HashSet;

/// The length of the part of a list that counts.
pub const LENGTH: usize = 20;

/// Hits and their ranks, over many lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RankMetrics {
    /// The number of lists.
    pub asked: u64,
    /// The share of lists with the next product among the first ten.
    #[serde(rename = "hr@10")]
    pub hr10: f64,
    /// The share of lists with the next product among the first twenty.
    #[serde(rename = "hr@20")]
    pub hr20: f64,
    /// The mean of 1/rank, which counts as 0 below the tenth.
    #[serde(rename = "mrr@10")]
    pub mrr10: f64,
    /// The mean of 1/rank, which counts as 0 below the twentieth.
    #[serde(rename = "mrr@20")]
    pub mrr20: f64,
    /// The mean of 1/log2(1 + rank), which counts as 0 below the twentieth. The ideal gain is one,
    /// as there is one product to find.
    #[serde(rename = "ndcg@20")]
    pub ndcg20: f64,
}

/// The ranks of products in lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranks {
    /// By list, the rank of the product, counted from 1; 0 if it was not among the first [`LENGTH`].
    of_lists: Vec<u8>,
}

impl Ranks {
    /// Counts the rank of a product in a list.
    pub fn count<'a>(&mut self, list: impl IntoIterator<Item = &'a u32>, product: u32) {
        let index = list.into_iter().take(LENGTH).position(|&other| other == product);
        let rank = index.and_then(|index| u8::try_from(index + 1).ok());
        self.of_lists.push(rank.unwrap_or_default());
    }

    /// The metrics of all that was counted.
    #[allow(clippy::cast_precision_loss, reason = "no set has 2^53 clicks")]
    pub fn metrics(&self) -> RankMetrics {
        let mean = |until: usize, gain: fn(f64) -> f64| {
            let mut at = [0_u64; LENGTH + 1];
            self.of_lists.iter().for_each(|rank| at[usize::from(*rank)] += 1);
            let ranks = at[1..=until].iter().zip(1_u32..);
            let sum: f64 = ranks.map(|(&count, rank)| count as f64 * gain(rank.into())).sum();
            sum / self.of_lists.len().max(1) as f64
        };
        RankMetrics {
            asked: self.of_lists.len() as u64,
            hr10: mean(10, |_| 1.0),
            hr20: mean(20, |_| 1.0),
            mrr10: mean(10, |rank| 1.0 / rank),
            mrr20: mean(20, |rank| 1.0 / rank),
            ndcg20: mean(20, |rank| 1.0 / (1.0 + rank).log2()),
        }
    }
}

/// How far one method is ahead of another at the same lists.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Lead {
    /// The mean difference.
    pub by: f64,
    /// Its standard error.
    pub error: f64,
}

impl Ranks {
    /// How far they are ahead of others at the same lists, in HR@20 and in MRR@20.
    pub fn ahead_of(&self, others: &Ranks) -> [Lead; 2] {
        let pairs = || self.of_lists.iter().zip(&others.of_lists);
        let hit = |rank: u8| f64::from(u8::from(rank > 0));
        let reciprocal = |rank: u8| if rank > 0 { 1.0 / f64::from(rank) } else { 0.0 };
        [
            lead(pairs().map(|(one, other)| hit(*one) - hit(*other))),
            lead(pairs().map(|(one, other)| reciprocal(*one) - reciprocal(*other))),
        ]
    }
}

/// The mean of differences.
#[allow(clippy::cast_precision_loss, reason = "no set has 2^53 clicks")]
fn lead(differences: impl Iterator<Item = f64>) -> Lead {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for difference in differences {
        sum += difference;
        squares += difference * difference;
        count += 1.0;
    }
    let count = f64::max(count, 1.0);
    let by = sum / count;
    Lead { by, error: ((squares / count - by * by).max(0.0) / count).sqrt() }
}

/// The metrics of one method.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Over the lists as they are.
    pub all: RankMetrics,
    /// Over the clicks on another product than the current one, which is taken out of the lists.
    pub without_current: RankMetrics,
    /// Over the clicks on products that are new to the visit, without all others in the lists.
    pub new: RankMetrics,
    /// The share of known products that were in some list.
    pub coverage: f64,
    /// The ranks that the three were made from.
    #[serde(skip)]
    pub ranks: [Ranks; 3],
}

/// Grades lists.
#[derive(Clone, Debug, Default)]
pub struct Grader {
    all: Ranks,
    without_current: Ranks,
    new: Ranks,
    shown: HashSet<u32>,
}

impl Grader {
    /// Grades a list of at least [`LENGTH`] products and one more for each of the visit's, where there
    /// are as many. `visit` holds the visit's products, the newest last.
    pub fn grade(&mut self, list: &[u32], visit: &[u32], next: u32) {
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

    /// The metrics of all lists, where `known` products could have been listed.
    #[allow(clippy::cast_precision_loss, reason = "no set has 2^53 products")]
    pub fn quality(&self, known: usize) -> Quality {
        Quality {
            all: self.all.metrics(),
            without_current: self.without_current.metrics(),
            new: self.new.metrics(),
            coverage: self.shown.len() as f64 / known.max(1) as f64,
            ranks: [&self.all, &self.without_current, &self.new].map(Clone::clone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grades one list, and compares 1/rank at 20 in each of the three ways.
    fn check(list: &[u32], visit: &[u32], next: u32, expected: [Option<f64>; 3]) {
        let mut grader = Grader::default();
        grader.grade(list, visit, next);
        let Quality { all, without_current, new, .. } = grader.quality(1);
        let told =
            [all, without_current, new].map(|metrics| (metrics.asked > 0).then_some(metrics.mrr20));
        assert_eq!(told, expected, "{list:?} after {visit:?}, then {next}");
    }

    #[test]
    fn a_lead_is_that_at_the_same_lists() {
        let ranks = |of_lists: &[u8]| Ranks { of_lists: of_lists.to_vec() };
        let [hits, reciprocal] = ranks(&[1, 0, 2, 1]).ahead_of(&ranks(&[2, 0, 0, 1]));
        assert_eq!((hits.by, reciprocal.by), (0.25, 0.25));
        assert!((hits.error - (0.1875_f64 / 4.0).sqrt()).abs() < 1e-12);
        let [hits, _] = ranks(&[3; 9]).ahead_of(&ranks(&[3; 9]));
        assert_eq!(hits, Lead { by: 0.0, error: 0.0 });
    }

    #[test]
    fn ranks_are_counted_in_the_list_that_may_be_shown() {
        check(&[1, 2, 3, 4], &[2, 1], 3, [Some(1.0 / 3.0), Some(1.0 / 2.0), Some(1.0)]);
        check(&[1, 2, 3, 4], &[2, 1], 2, [Some(1.0 / 2.0), Some(1.0), None]);
        check(&[1, 2, 3, 4], &[2, 1], 1, [Some(1.0), None, None]);
        check(&[1, 2], &[2, 1], 5, [Some(0.0); 3]);
        let long: Vec<u32> = (1..=30).collect();
        check(&long, &[1], 21, [Some(0.0), Some(1.0 / 20.0), Some(1.0 / 20.0)]);
    }

    #[test]
    fn metrics_are_means_over_all_that_was_asked() {
        let mut ranks = Ranks::default();
        let list: Vec<u32> = (1..=25).collect();
        for next in [1, 4, 11, 21] {
            ranks.count(&list, next);
        }
        let expected = RankMetrics {
            asked: 4,
            hr10: 2.0 / 4.0,
            hr20: 3.0 / 4.0,
            mrr10: (1.0 + 1.0 / 4.0) / 4.0,
            mrr20: (1.0 + 1.0 / 4.0 + 1.0 / 11.0) / 4.0,
            ndcg20: (1.0 + 1.0 / 5_f64.log2() + 1.0 / 12_f64.log2()) / 4.0,
        };
        let metrics = ranks.metrics();
        assert!((metrics.ndcg20 - expected.ndcg20).abs() < 1e-12, "{metrics:?}");
        assert_eq!(RankMetrics { ndcg20: expected.ndcg20, ..metrics }, expected);
        assert_eq!(Ranks::default().metrics(), RankMetrics::default());
    }

    #[test]
    fn coverage_is_the_share_of_products_shown_among_the_first_twenty() {
        let mut grader = Grader::default();
        grader.grade(&(0..30).collect::<Vec<u32>>(), &[1], 2);
        grader.grade(&[0, 25], &[1], 2);
        assert!((grader.quality(42).coverage - 0.5).abs() < 1e-12);
    }
}
