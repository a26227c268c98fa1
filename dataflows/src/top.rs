//! The best of many products that change all the time.
//!
//! A few more than are asked for are kept, and all that are better than the worst of these are among
//! them. So a change is looked at alone, and all products only when too few are left.

use crate::by_id::ById;
use crate::questions::Worth;
use std::cmp::Ordering;
use std::sync::Arc;

/// What is known of a product.
pub(crate) struct Entry {
    /// What it is worth.
    pub(crate) worth: f64,
    /// Of how many events.
    pub(crate) events: i32,
    /// Its place among the best, or [`NONE`].
    place: u32,
    tie: u64,
}

/// The place of what is not among the best.
const NONE: u32 = u32::MAX;

impl Entry {
    /// A product of which nothing is known but what decides between equals.
    pub(crate) fn new(tie: u64) -> Entry {
        Entry { worth: 0.0, events: 0, place: NONE, tie }
    }

    fn rank(&self) -> Rank {
        Rank { worth: self.worth, tie: self.tie }
    }
}

/// What decides who is better, and comes first.
#[derive(Clone, Copy)]
struct Rank {
    worth: f64,
    tie: u64,
}

impl Rank {
    fn cmp(&self, other: &Rank) -> Ordering {
        other.worth.total_cmp(&self.worth).then(self.tie.cmp(&other.tie))
    }
}

/// The best of some products; those that are worth nothing are none of them.
#[derive(Default)]
pub(crate) struct Top {
    /// In no order.
    best: Vec<(u32, Rank)>,
    /// All that are better than this are among the best; without it, all are.
    floor: Option<Rank>,
    /// How many there may be before the worse half is let go.
    most: usize,
    /// The first of them, as they were shown last, and how many were asked for.
    shown: Option<(usize, Arc<[Worth]>)>,
}

impl Top {
    /// A product is worth something else now.
    pub(crate) fn change(&mut self, product: u32, entries: &mut ById<Entry>) {
        let Some(entry) = entries.get_mut(&product) else { return };
        let (rank, place) = (entry.rank(), entry.place as usize);
        let counts = 0.0 < rank.worth
            && self.floor.is_none_or(|floor| rank.cmp(&floor) != Ordering::Greater);
        match (entry.place != NONE, counts) {
            (false, false) => return,
            (true, true) => self.best[place].1 = rank,
            (false, true) => {
                entry.place = u32::try_from(self.best.len()).expect("few are among the best");
                self.best.push((product, rank));
            }
            (true, false) => {
                entry.place = NONE;
                self.best.swap_remove(place);
                if let Some((moved, _)) = self.best.get(place)
                    && let Some(moved) = entries.get_mut(moved)
                {
                    moved.place = u32::try_from(place).expect("few are among the best");
                }
            }
        }
        self.shown = None;
        if self.most.max(1) * 2 <= self.best.len() && 0 < self.most {
            self.cut(entries);
        }
    }

    /// The first so many, best first, or more.
    pub(crate) fn first(&mut self, n: usize, entries: &mut ById<Entry>) -> Arc<[Worth]> {
        if let Some((most, shown)) = &self.shown
            && n <= *most
        {
            return shown.clone();
        }
        if self.best.len() < n && self.floor.is_some() || self.most == 0 {
            self.find(2 * n.max(1), entries);
        }
        let mut best = self.best.clone();
        if n < best.len() {
            best.select_nth_unstable_by(n, |one, other| one.1.cmp(&other.1));
            best.truncate(n);
        }
        best.sort_unstable_by(|one, other| one.1.cmp(&other.1));
        let events = |product| entries.get(&product).map_or(0, |entry| entry.events);
        let worth = |(product, Rank { worth, .. })| Worth {
            product,
            worth,
            events: u32::try_from(events(product)).unwrap_or_default(),
        };
        let shown: Arc<[Worth]> = best.into_iter().map(worth).collect();
        self.shown = Some((n, shown.clone()));
        shown
    }

    /// Finds the best among all.
    fn find(&mut self, most: usize, entries: &mut ById<Entry>) {
        self.best.clear();
        self.floor = None;
        self.most = most;
        for (&product, entry) in entries.iter_mut() {
            entry.place = NONE;
            if 0.0 < entry.worth {
                self.best.push((product, entry.rank()));
            }
        }
        self.cut(entries);
    }

    /// Lets go of those that are not among so many.
    fn cut(&mut self, entries: &mut ById<Entry>) {
        if self.most < self.best.len() {
            let last = self.most - 1;
            self.best.select_nth_unstable_by(last, |one, other| one.1.cmp(&other.1));
            self.floor = Some(self.best[last].1);
            for (product, _) in self.best.drain(self.most..) {
                if let Some(entry) = entries.get_mut(&product) {
                    entry.place = NONE;
                }
            }
        }
        for (place, (product, _)) in (0..).zip(&self.best) {
            if let Some(entry) = entries.get_mut(product) {
                entry.place = place;
            }
        }
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
        let (mut top, mut entries) = (Top::default(), ById::<Entry>::default());
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        };
        for step in 0..20_000 {
            let product = u32::try_from(random() % 300).unwrap();
            let entry = entries.entry(product).or_insert_with(|| Entry::new(u64::from(product)));
            entry.worth = worth(random());
            let gone = entry.worth == 0.0 && random() % 2 == 0;
            top.change(product, &mut entries);
            if gone {
                entries.remove(&product);
            }
            if random() % 16 != 0 {
                continue;
            }
            let n = [1, 3, 20, 500][usize::try_from(random() % 4).unwrap()];
            let found = top.first(n, &mut entries);
            let found = found.iter().map(|worth| (worth.product, worth.worth));
            let mut expected: Vec<(u32, f64)> =
                entries.iter().map(|(&product, entry)| (product, entry.worth)).collect();
            expected.retain(|(_, worth)| 0.0 < *worth);
            expected.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            expected.truncate(n);
            assert_eq!(found.take(n).collect::<Vec<_>>(), expected, "step {step}, {n} of them");
        }
    }
}
