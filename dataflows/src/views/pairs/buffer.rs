//! The pairs, repeats and direct followers that the new moments of one user make.

use super::partner::{Link, Partner};
use crate::ids::dictionary::Dictionary;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::{Time, VISIT_GAP, day, is_of_old};
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::difference::Semigroup;
use std::cmp::Reverse;

/// A change of a product's row.
pub(super) type Pair = ((u32, Partner), Time, Counts);
/// A change of a day's repeats: moments that followed another, and those of them with its product.
pub(super) type Repeat = (u16, Time, Counts);

/// The moments of one user's window. The memory is reused for the next user.
#[derive(Default)]
pub(super) struct PairBuffer {
    /// Moments that are new or retracted, without their tags.
    pub(super) fresh: Vec<(Time, Moment, Counts)>,
    /// Carts that are taken back at a time, likewise: they go, but not by age.
    pub(super) taken: Vec<(Time, Moment)>,
    /// Older moments that are close enough to pair with the fresh ones, likewise.
    pub(super) others: Vec<(Moment, Counts)>,
    /// The changes of repeats so far.
    pub(super) repeats: Vec<Repeat>,
    /// The changes of what followed directly, of one user.
    next: Vec<Pair>,
}

impl PairBuffer {
    /// Pairs each fresh moment with the others, and then adds it to them. Pairs of a moment that leaves by age stay.
    pub(super) fn pair(&mut self, names: &Dictionary, mut give: impl FnMut(Pair)) {
        self.fresh.sort_by_key(|(time, _, _)| *time);
        let (mut fresh, taken) = (std::mem::take(&mut self.fresh), std::mem::take(&mut self.taken));
        for epoch in fresh.chunk_by(|(one, _, _), (other, _, _)| one == other) {
            let time = epoch[0].0;
            self.order(names);
            self.count_repeats(time, -1);
            let is_aged = |&&(time, moment, counts): &&(Time, Moment, Counts)| {
                counts.total() < 0 && !is_of_old(time) && !taken.contains(&(time, moment))
            };
            let aged = epoch.iter().filter(is_aged);
            let before = self.others.len();
            self.others.extend(aged.map(|&(_, moment, counts)| (moment, counts)));
            if before < self.others.len() {
                self.order(names);
            }
            self.count_next(time, -1);
            for &(_, moment, counts) in epoch.iter().filter(|fresh| !is_aged(fresh)) {
                for &(other, others) in &self.others {
                    let apart = moment.time().abs_diff(other.time());
                    if apart <= VISIT_GAP && moment.product != other.product {
                        give((partner(other, moment), time, counts.times(others.total())));
                        give((partner(moment, other), time, others.times(counts.total())));
                    }
                }
                self.others.push((moment, counts));
            }
            self.order(names);
            self.count_repeats(time, 1);
            self.count_next(time, 1);
        }
        consolidate_updates(&mut self.next);
        self.next.drain(..).for_each(give);
        fresh.clear();
        (self.fresh, self.taken) = (fresh, taken);
    }

    /// Sums equal moments among the others, drops those that were retracted, and puts them in order: newest first; those
    /// of one time by name, as ids differ between workers.
    fn order(&mut self, names: &Dictionary) {
        self.others.sort_unstable_by_key(|(moment, _)| *moment);
        self.others.dedup_by(|(later, more), (first, counts)| {
            let same = later == first;
            if same {
                counts.plus_equals(more);
            }
            same
        });
        self.others.retain(|(_, counts)| counts.total() != 0);
        for equals in self.others.chunk_by_mut(|(one, _), (other, _)| one.time() == other.time()) {
            equals.sort_by_key(|(moment, _)| Reverse(names.text(moment.product)));
        }
    }

    /// Counts the repeats among the others `times` times: -1 before a change and 1 after it, so
    /// that the unchanged ones cancel out.
    fn count_repeats(&mut self, time: Time, times: i32) {
        for ((moment, _), before) in followers(&self.others) {
            let same = i32::from(moment.product == before.product);
            self.repeats.push((moment.day(), time, Counts([times, times * same, 0])));
        }
    }

    /// Counts what followed directly, likewise.
    fn count_next(&mut self, time: Time, times: i32) {
        for ((moment, counts), before) in followers(&self.others) {
            if moment.product != before.product {
                let next = Partner { link: Link::Next, ..partner(before, moment).1 };
                self.next.push(((before.product, next), time, counts.times(times)));
            }
        }
    }
}

/// Each moment of a list that is newest first, with the one that it followed within a visit.
fn followers(moments: &[(Moment, Counts)]) -> impl Iterator<Item = ((Moment, Counts), Moment)> {
    let both = moments.windows(2).filter_map(|pair| match *pair {
        [later, (before, _)] => Some((later, before)),
        _ => None,
    });
    both.filter(|((moment, _), before)| moment.time() - before.time() <= VISIT_GAP)
}

/// The second moment as a partner in the row of the first.
fn partner(first: Moment, second: Moment) -> (u32, Partner) {
    let (earlier, later) = (first.time(), second.time());
    let day = day(earlier.max(later));
    let (after, link) = (earlier <= later, Link::apart(earlier.abs_diff(later)));
    (first.product, Partner { product: second.product, day, after, link })
}
