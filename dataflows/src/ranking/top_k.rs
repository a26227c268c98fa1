//! The best of many products whose scores change all the time.
//!
//! Holds a few more products than are requested, in order, and with them every product that is
//! better than the last of these. So a change moves one product, and all products are scanned only
//! when too few are left.

use std::cmp::Ordering;

/// What orders products.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rank {
    pub(crate) score: i64,
    /// Decides between equal scores: the lesser is better.
    pub(crate) tie: u64,
}

impl Rank {
    /// Orders best first.
    fn cmp(&self, other: &Rank) -> Ordering {
        other.score.cmp(&self.score).then(self.tie.cmp(&other.tie))
    }
}

/// The best of some products. Products without a positive score are never among them.
#[derive(Default)]
pub(crate) struct TopK {
    /// The best products, in order.
    best: Vec<(Rank, u32)>,
    /// `best` has all products that are no worse than this; `None` if it has all there are.
    floor: Option<Rank>,
    /// The least number of products in `best`, if there are as many; 0 before the first request.
    k: usize,
}

impl TopK {
    /// Moves a product whose score has changed.
    pub(crate) fn update(&mut self, product: u32, before: Rank, now: Rank) {
        if self.k == 0 || before == now {
            return;
        }
        if self.is_best(&before) {
            let same = self.position(&before);
            let at = self.best[same..].iter().position(|(_, other)| *other == product);
            self.best.remove(same + at.expect("a product no worse than the floor is in the list"));
        }
        if self.is_best(&now) {
            self.best.insert(self.position(&now), (now, product));
        }
        if 2 * self.k <= self.best.len() {
            self.truncate();
        }
    }

    /// The best `n` products, in order. `all` has every product.
    pub(crate) fn first(
        &mut self,
        n: usize,
        all: impl Iterator<Item = (u32, Rank)>,
    ) -> impl Iterator<Item = u32> {
        if self.k == 0 || self.best.len() < n && self.floor.is_some() {
            self.rebuild(2 * n.max(1), all);
        }
        self.best.iter().take(n).map(|(_, product)| *product)
    }

    /// Finds the best `k` among all products.
    fn rebuild(&mut self, k: usize, all: impl Iterator<Item = (u32, Rank)>) {
        self.k = k;
        self.floor = None;
        self.best.clear();
        let all = all.filter(|(_, rank)| 0 < rank.score);
        self.best.extend(all.map(|(product, rank)| (rank, product)));
        if k < self.best.len() {
            self.best.select_nth_unstable_by(k - 1, |one, other| one.0.cmp(&other.0));
            self.truncate();
        }
        self.best.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    }

    /// Drops all but the best `k`, and raises the floor.
    fn truncate(&mut self) {
        self.best.truncate(self.k);
        self.floor = self.best.last().map(|(last, _)| *last);
    }

    /// True if `best` has the products with this score.
    fn is_best(&self, rank: &Rank) -> bool {
        let is_above = |floor: &Rank| rank.cmp(floor) != Ordering::Greater;
        0 < rank.score && self.floor.as_ref().is_none_or(is_above)
    }

    /// The position of the first product in `best` that is no better.
    fn position(&self, rank: &Rank) -> usize {
        self.best.partition_point(|(other, _)| other.cmp(rank) == Ordering::Less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// One of few scores, so that many are equal, and some are zero.
    fn score(random: u64) -> i64 {
        [0, 1, 2, 3, 4, 14][usize::try_from(random % 6).unwrap()]
    }

    #[test]
    fn after_any_changes_the_best_are_those_that_sorting_gives() {
        let (mut top, mut scores) = (TopK::default(), HashMap::<u32, Rank>::new());
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        };
        for step in 0..20_000 {
            let product = u32::try_from(random() % 300).unwrap();
            let now = scores.entry(product).or_insert(Rank { score: 0, tie: product.into() });
            let before = *now;
            now.score = score(random());
            let is_removed = now.score == 0 && random() % 2 == 0;
            top.update(product, before, *now);
            if is_removed {
                scores.remove(&product);
            }
            if random() % 16 != 0 {
                continue;
            }
            let n = [1, 3, 20, 500][usize::try_from(random() % 4).unwrap()];
            let all = scores.iter().map(|(&product, &rank)| (product, rank));
            let first: Vec<u32> = top.first(n, all.clone()).collect();
            let mut expected: Vec<(u32, Rank)> = all.collect();
            expected.retain(|(_, rank)| 0 < rank.score);
            expected.sort_by(|one, other| one.1.cmp(&other.1));
            let expected = expected.iter().take(n).map(|(product, _)| *product);
            assert_eq!(first, expected.collect::<Vec<_>>(), "step {step}, {n} of them");
        }
    }
}
