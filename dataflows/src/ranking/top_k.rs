//! The best of many products whose scores change all the time.
//!
//! Holds a few more products than are requested, in order, and with them every product that is
//! better than the last of these. So a change moves one product, and all products are scanned only
//! when too few are left.

use super::evidence::Scored;
use crate::ids::by_id::ById;
use std::cmp::Ordering;
use std::sync::Arc;

/// The score of a product under one key.
#[derive(Clone, Copy)]
pub(crate) struct ProductScore {
    /// The weights of its events, faded by their age.
    pub(crate) score: f64,
    /// The number of events.
    pub(crate) events: i32,
    /// The number of events whose weight is not 0.
    pub(crate) weighted: i32,
    /// Decides between equal scores: the lesser is better.
    tie: u64,
}

impl ProductScore {
    /// The score of a product without events.
    pub(crate) fn new(tie: u64) -> ProductScore {
        ProductScore { score: 0.0, events: 0, weighted: 0, tie }
    }

    /// Orders scores best first.
    fn rank(&self, other: &ProductScore) -> Ordering {
        other.score.total_cmp(&self.score).then(self.tie.cmp(&other.tie))
    }
}

/// The best of some products. Products without a positive score are never among them.
#[derive(Default)]
pub(crate) struct TopK {
    /// The best products, in order.
    best: Vec<(ProductScore, u32)>,
    /// `best` has all products that are no worse than this; `None` if it has all there are.
    floor: Option<ProductScore>,
    /// The least number of products in `best`, if there are as many; 0 before the first request.
    k: usize,
    /// The last result of [`TopK::first`] and the number requested, until the best change.
    result: Option<(usize, Arc<[Scored]>)>,
}

impl TopK {
    /// Moves a product whose score has changed.
    pub(crate) fn update(&mut self, product: u32, before: ProductScore, now: ProductScore) {
        if self.k == 0 {
            return;
        }
        if self.is_best(&before) {
            let same = self.position(&before);
            let at = self.best[same..].iter().position(|(_, other)| *other == product);
            self.best.remove(same + at.expect("a product no worse than the floor is in the list"));
            self.result = None;
        }
        if self.is_best(&now) {
            self.best.insert(self.position(&now), (now, product));
            self.result = None;
        }
        if 2 * self.k <= self.best.len() {
            self.truncate();
        }
    }

    /// The best `n` products in order, or more. `all` has every product.
    pub(crate) fn first(&mut self, n: usize, all: &ById<ProductScore>) -> Arc<[Scored]> {
        if let Some((requested, result)) = &self.result
            && n <= *requested
        {
            return result.clone();
        }
        if self.k == 0 || self.best.len() < n && self.floor.is_some() {
            self.rebuild(2 * n.max(1), all);
        }
        let scored = |&(ProductScore { score, events, .. }, product): &(ProductScore, u32)| {
            Scored { product, score, events: u32::try_from(events).unwrap_or_default() }
        };
        let result: Arc<[Scored]> = self.best.iter().take(n).map(scored).collect();
        self.result = Some((n, result.clone()));
        result
    }

    /// Finds the best `k` among all products.
    fn rebuild(&mut self, k: usize, all: &ById<ProductScore>) {
        self.k = k;
        self.floor = None;
        self.best.clear();
        let all = all.iter().filter(|(_, score)| 0.0 < score.score);
        self.best.extend(all.map(|(&product, &score)| (score, product)));
        if k < self.best.len() {
            self.best.select_nth_unstable_by(k - 1, |one, other| one.0.rank(&other.0));
            self.truncate();
        }
        self.best.sort_unstable_by(|one, other| one.0.rank(&other.0));
    }

    /// Drops all but the best `k`, and raises the floor.
    fn truncate(&mut self) {
        self.best.truncate(self.k);
        self.floor = self.best.last().map(|(last, _)| *last);
    }

    /// True if `best` has the products with this score.
    fn is_best(&self, score: &ProductScore) -> bool {
        let is_above = |floor: &ProductScore| score.rank(floor) != Ordering::Greater;
        0.0 < score.score && self.floor.as_ref().is_none_or(is_above)
    }

    /// The position of the first product in `best` that is no better.
    fn position(&self, score: &ProductScore) -> usize {
        self.best.partition_point(|(other, _)| other.rank(score) == Ordering::Less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of few scores, so that many are equal, and some are zero.
    fn score(random: u64) -> f64 {
        [0.0, 0.5, 1.0, 1.5, 2.0, 7.0][usize::try_from(random % 6).unwrap()]
    }

    #[test]
    fn after_any_changes_the_best_are_those_that_sorting_gives() {
        let (mut top, mut scores) = (TopK::default(), ById::<ProductScore>::default());
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        };
        for step in 0..20_000 {
            let product = u32::try_from(random() % 300).unwrap();
            let now = scores.entry(product).or_insert_with(|| ProductScore::new(product.into()));
            let before = *now;
            now.score = score(random());
            let is_removed = now.score == 0.0 && random() % 2 == 0;
            top.update(product, before, *now);
            if is_removed {
                scores.remove(&product);
            }
            if random() % 16 != 0 {
                continue;
            }
            let n = [1, 3, 20, 500][usize::try_from(random() % 4).unwrap()];
            let first = top.first(n, &scores);
            let first = first.iter().map(|scored| (scored.product, scored.score));
            let mut expected: Vec<(u32, f64)> =
                scores.iter().map(|(&product, score)| (product, score.score)).collect();
            expected.retain(|(_, score)| 0.0 < *score);
            expected.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            expected.truncate(n);
            assert_eq!(first.take(n).collect::<Vec<_>>(), expected, "step {step}, {n} of them");
        }
    }
}
