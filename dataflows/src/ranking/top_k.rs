//! The best of many products that change all the time.
//!
//! A few more than are asked for are kept in order, and all that are better than the worst of these
//! are among them. So a change moves one product, and all are looked at only when too few are left.

use super::evidence::Scored;
use crate::ids::by_id::ById;
use std::cmp::Ordering;
use std::sync::Arc;

/// What is known of a product.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// What it is worth.
    pub(crate) worth: f64,
    /// Of how many events.
    pub(crate) events: i32,
    /// How many of these are worth something.
    pub(crate) worthy: i32,
    tie: u64,
}

impl Entry {
    /// A product of which nothing is known but what decides between equals.
    pub(crate) fn new(tie: u64) -> Entry {
        Entry { worth: 0.0, events: 0, worthy: 0, tie }
    }

    /// Who is better comes first.
    fn rank(&self, other: &Entry) -> Ordering {
        other.worth.total_cmp(&self.worth).then(self.tie.cmp(&other.tie))
    }
}

/// The best of some products; those that are worth nothing are none of them.
#[derive(Default)]
pub(crate) struct TopK {
    /// Best first.
    best: Vec<(Entry, u32)>,
    /// All that are better than this, or as good, are among the best; without it, all are.
    floor: Option<Entry>,
    /// How many are kept at least, where there are as many; none before it is asked.
    most: usize,
    /// The first of them, as they were shown last, and how many were asked for.
    shown: Option<(usize, Arc<[Scored]>)>,
}

impl TopK {
    /// What is known of a product has changed.
    pub(crate) fn change(&mut self, product: u32, before: Entry, now: Entry) {
        if self.most == 0 {
            return;
        }
        if self.has_room(&before) {
            let same = self.place(&before);
            let at = self.best[same..].iter().position(|(_, other)| *other == product);
            self.best.remove(same + at.expect("all that are as good are among the best"));
            self.shown = None;
        }
        if self.has_room(&now) {
            self.best.insert(self.place(&now), (now, product));
            self.shown = None;
        }
        if 2 * self.most <= self.best.len() {
            self.cut();
        }
    }

    /// The first so many, best first, or more; `all` are all products.
    pub(crate) fn first(&mut self, n: usize, all: &ById<Entry>) -> Arc<[Scored]> {
        if let Some((most, shown)) = &self.shown
            && n <= *most
        {
            return shown.clone();
        }
        if self.most == 0 || self.best.len() < n && self.floor.is_some() {
            self.find(2 * n.max(1), all);
        }
        let scored = |&(Entry { worth, events, .. }, product): &(Entry, u32)| Scored {
            product,
            score: worth,
            events: u32::try_from(events).unwrap_or_default(),
        };
        let shown: Arc<[Scored]> = self.best.iter().take(n).map(scored).collect();
        self.shown = Some((n, shown.clone()));
        shown
    }

    /// Finds the best among all.
    fn find(&mut self, most: usize, all: &ById<Entry>) {
        self.most = most;
        self.floor = None;
        self.best.clear();
        let all = all.iter().filter(|(_, entry)| 0.0 < entry.worth);
        self.best.extend(all.map(|(&product, &entry)| (entry, product)));
        if most < self.best.len() {
            self.best.select_nth_unstable_by(most - 1, |one, other| one.0.rank(&other.0));
            self.cut();
        }
        self.best.sort_unstable_by(|one, other| one.0.rank(&other.0));
    }

    /// Lets go of all but the first.
    fn cut(&mut self) {
        self.best.truncate(self.most);
        self.floor = self.best.last().map(|(last, _)| *last);
    }

    /// Whether a product like this is among the best.
    fn has_room(&self, entry: &Entry) -> bool {
        let is_good = |floor: &Entry| entry.rank(floor) != Ordering::Greater;
        0.0 < entry.worth && self.floor.as_ref().is_none_or(is_good)
    }

    /// Where the first is that is no better.
    fn place(&self, entry: &Entry) -> usize {
        self.best.partition_point(|(other, _)| other.rank(entry) == Ordering::Less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few worths, so that many are equal, and some are nothing.
    fn worth(random: u64) -> f64 {
        [0.0, 0.5, 1.0, 1.5, 2.0, 7.0][usize::try_from(random % 6).unwrap()]
    }

    #[test]
    fn the_best_are_those_that_sorting_finds_after_any_changes() {
        let (mut top, mut entries) = (TopK::default(), ById::<Entry>::default());
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        };
        for step in 0..20_000 {
            let product = u32::try_from(random() % 300).unwrap();
            let entry = entries.entry(product).or_insert_with(|| Entry::new(u64::from(product)));
            let before = *entry;
            entry.worth = worth(random());
            let gone = entry.worth == 0.0 && random() % 2 == 0;
            top.change(product, before, *entry);
            if gone {
                entries.remove(&product);
            }
            if random() % 16 != 0 {
                continue;
            }
            let n = [1, 3, 20, 500][usize::try_from(random() % 4).unwrap()];
            let found = top.first(n, &entries);
            let found = found.iter().map(|scored| (scored.product, scored.score));
            let mut expected: Vec<(u32, f64)> =
                entries.iter().map(|(&product, entry)| (product, entry.worth)).collect();
            expected.retain(|(_, worth)| 0.0 < *worth);
            expected.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            expected.truncate(n);
            assert_eq!(found.take(n).collect::<Vec<_>>(), expected, "step {step}, {n} of them");
        }
    }
}
