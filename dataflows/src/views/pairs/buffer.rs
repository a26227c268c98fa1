//! The pairs and repeats that the new moments of one user make.

use super::partner::{NEAR, Partner};
use crate::ids::dictionary::Dictionary;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::{Time, VISIT_GAP, day, is_of_old};
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
}

impl PairBuffer {
    /// Pairs each fresh moment with the others, and then adds it to them. Pairs of a moment that leaves by age stay.
    pub(super) fn pair(&mut self, names: &Dictionary, mut give: impl FnMut(Pair)) {
        self.fresh.sort_by_key(|(time, _, _)| *time);
        let mut fresh = std::mem::take(&mut self.fresh);
        for epoch in fresh.chunk_by(|(one, _, _), (other, _, _)| one == other) {
            let time = epoch[0].0;
            self.count_repeats(time, -1, names);
            let taken = &self.taken;
            let is_aged = |&&(time, moment, counts): &&(Time, Moment, Counts)| {
                counts.total() < 0 && !is_of_old(time) && !taken.contains(&(time, moment))
            };
            let aged = epoch.iter().filter(is_aged);
            self.others.extend(aged.map(|&(_, moment, counts)| (moment, counts)));
            for &(_, moment, counts) in epoch.iter().filter(|fresh| !is_aged(fresh)) {
                for &(other, others) in &self.others {
                    let apart = moment.time().abs_diff(other.time());
                    if apart <= VISIT_GAP && moment != other {
                        give((partner(other, moment), time, counts.times(others.total())));
                        give((partner(moment, other), time, others.times(counts.total())));
                    }
                }
                self.others.push((moment, counts));
            }
            self.count_repeats(time, 1, names);
        }
        fresh.clear();
        self.fresh = fresh;
    }

    /// Counts the repeats among the others `times` times: -1 before a change and 1 after it, so
    /// that the unchanged ones cancel out.
    fn count_repeats(&mut self, time: Time, times: i32, names: &Dictionary) {
        self.others.sort_unstable_by_key(|(moment, _)| *moment);
        // Sums equal moments, and drops those that were retracted.
        self.others.dedup_by(|(later, more), (first, counts)| {
            let same = later == first;
            if same {
                counts.plus_equals(more);
            }
            same
        });
        self.others.retain(|(_, counts)| counts.total() != 0);
        // Newest first; moments of one time by name, as ids differ between workers.
        for equals in self.others.chunk_by_mut(|(one, _), (other, _)| one.time() == other.time()) {
            equals.sort_by_key(|(moment, _)| Reverse(names.text(moment.product)));
        }
        for pair in self.others.windows(2) {
            let [(moment, _), (before, _)] = pair else { continue };
            if moment.time() - before.time() <= VISIT_GAP {
                let same = i32::from(moment.product == before.product);
                self.repeats.push((moment.day(), time, Counts([times, times * same, 0])));
            }
        }
    }
}

/// The second moment as a partner in the row of the first.
fn partner(first: Moment, second: Moment) -> (u32, Partner) {
    let (earlier, later) = (first.time(), second.time());
    let day = day(earlier.max(later));
    let (after, near) = (earlier <= later, earlier.abs_diff(later) <= NEAR);
    (first.product, Partner { product: second.product, day, after, near })
}
