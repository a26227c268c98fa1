//! Batches of updates by id, packed: what every arrangement here is made of.
//!
//! Differential's own batches hold any key at any time. Here keys are dense ids and times are in one
//! order, so that what is old has one time, which is kept once, and nearly every value has one
//! update, which then needs no offset: a value costs its own size, its difference and its share of a
//! key. Whole runs are copied when batches are merged, and a key is found by where it must lie.

mod batcher;
mod merge;
mod cursor;
#[cfg(test)]
mod tests;

use crate::Time;
use differential_dataflow::trace::implementations::spine_fueled::Spine;
use std::ops::Range;
use std::rc::Rc;

pub use batcher::{PackedBatcher, Value};

/// A sealed batch of an arrangement. Cheap to clone.
pub type Batch<V, R> = Rc<Packed<V, R>>;
/// An arrangement by id.
pub type PackedSpine<V, R> = Spine<Batch<V, R>>;

/// Updates in order of key, value and time; at most one of each.
pub struct Packed<V, R> {
    keys: Vec<u32>,
    /// By key, where its values end; they begin where those of the key before it do.
    key_ends: Vec<u32>,
    vals: Vec<V>,
    /// By value, where its updates end; nothing as long as each has one.
    val_ends: Vec<u32>,
    times: Times,
    diffs: Vec<R>,
    /// No value has less of [`Value::first`].
    least: u32,
}

/// The times of updates.
enum Times {
    /// All are of one time.
    Same(Time),
    Each(Vec<Time>),
}

impl<V, R> Packed<V, R> {
    /// The keys, in order.
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// How many values all keys have together.
    pub fn values(&self) -> usize {
        self.vals.len()
    }

    /// How many updates there are; never none in a batch that is sealed.
    #[allow(clippy::len_without_is_empty, reason = "a batch of nothing is not there")]
    pub fn len(&self) -> usize {
        self.diffs.len()
    }

    /// What all values have at least of [`Value::first`].
    pub(crate) fn least(&self) -> u32 {
        self.least
    }

    fn values_of(&self, key: usize) -> Range<usize> {
        let end = |key: usize| self.key_ends[key] as usize;
        key.checked_sub(1).map_or(0, end)..end(key)
    }

    #[inline]
    fn updates_of(&self, val: usize) -> Range<usize> {
        if self.val_ends.is_empty() {
            return val..val + 1;
        }
        let end = |val: usize| self.val_ends[val] as usize;
        val.checked_sub(1).map_or(0, end)..end(val)
    }

    #[inline]
    fn time(&self, update: usize) -> &Time {
        match &self.times {
            Times::Same(time) => time,
            Times::Each(times) => &times[update],
        }
    }

    /// Where a key is, or would be, at or after a place that it is not before.
    ///
    /// Keys are ids, none twice: at place i there is one of at least i, and one of at most i and as
    /// many as are missing below the last one. Of a dense batch that says the place.
    fn find(&self, from: usize, key: u32) -> usize {
        let Some(&last) = self.keys.last() else { return 0 };
        let (key_at, keys) = (key as usize, self.keys.len());
        let missing = last as usize + 1 - keys;
        let mut low = from.max(keys.min(key_at.saturating_sub(missing)));
        let mut high = from.max(keys.min(key_at));
        // Keys are mostly asked for in order: near ones are found sooner.
        let mut step = 1;
        if low == from {
            while low + step < high && self.keys[low + step] < key {
                low += step;
                step *= 2;
            }
            high = high.min(low + step);
        }
        low + self.keys[low..high].partition_point(|other| *other < key)
    }
}

/// An offset; a batch of more than 2^32 updates fits into no memory.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a batch has fewer than 2^32 updates")
}

/// Writes a batch: updates first, then the value that they are of, then the key of the values.
pub struct Writer<V, R> {
    packed: Packed<V, R>,
}

impl<V, R> Writer<V, R> {
    /// Room for so many keys, and values with one update each and at least so much of
    /// [`Value::first`].
    pub(crate) fn new(keys: usize, values: usize, least: u32) -> Writer<V, R> {
        Writer {
            packed: Packed {
                keys: Vec::with_capacity(keys),
                key_ends: Vec::with_capacity(keys),
                vals: Vec::with_capacity(values),
                val_ends: Vec::new(),
                times: Times::Same(0),
                diffs: Vec::with_capacity(values),
                least,
            },
        }
    }

    /// An update of the value that comes next, later than those that it has.
    #[inline]
    pub(crate) fn update(&mut self, time: Time, diff: R) {
        let Packed { times, diffs, .. } = &mut self.packed;
        match times {
            Times::Same(same) if *same == time => {}
            Times::Same(same) if diffs.is_empty() => *same = time,
            Times::Same(same) => {
                let mut each = Vec::with_capacity(diffs.capacity());
                each.resize(diffs.len(), *same);
                each.push(time);
                *times = Times::Each(each);
            }
            Times::Each(each) => each.push(time),
        }
        diffs.push(diff);
    }

    /// The value of the updates since the last one, if there are any.
    #[inline]
    pub(crate) fn value(&mut self, val: impl FnOnce() -> V) {
        let Packed { vals, val_ends, diffs, .. } = &mut self.packed;
        let begin = val_ends.last().map_or(vals.len(), |end| *end as usize);
        match diffs.len() - begin {
            0 => return,
            1 if val_ends.is_empty() => {}
            _ => {
                if val_ends.is_empty() {
                    val_ends.reserve(diffs.capacity());
                    val_ends.extend(1..=offset(vals.len()));
                }
                val_ends.push(offset(diffs.len()));
            }
        }
        vals.push(val());
    }

    /// The key of the values since the last one, if there are any.
    #[inline]
    pub(crate) fn key(&mut self, key: u32) {
        let Packed { keys, key_ends, vals, .. } = &mut self.packed;
        let begin = key_ends.last().map_or(0, |end| *end as usize);
        if begin < vals.len() {
            keys.push(key);
            key_ends.push(offset(vals.len()));
        }
    }

    /// The batch; none of nothing.
    pub(crate) fn done(mut self) -> Option<Packed<V, R>> {
        let Packed { keys, key_ends, vals, val_ends, times, diffs, .. } = &mut self.packed;
        shrink(keys);
        shrink(key_ends);
        shrink(vals);
        shrink(val_ends);
        shrink(diffs);
        if let Times::Each(times) = times {
            shrink(times);
        }
        (!self.packed.diffs.is_empty()).then_some(self.packed)
    }
}

/// Gives room back, if much is left.
fn shrink<T>(items: &mut Vec<T>) {
    if items.len() < items.capacity() / 8 * 7 {
        items.shrink_to_fit();
    }
}
