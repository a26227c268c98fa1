//! A sealed batch: its columns, and the ranges of a key's values and of a value's updates.

use crate::time::Time;
use differential_dataflow::trace::implementations::spine_fueled::Spine;
use std::ops::Range;
use std::rc::Rc;

/// A sealed batch of an arrangement. Cheap to clone.
pub type Batch<V, R> = Rc<Packed<V, R>>;
/// The trace of an arrangement by id.
pub type PackedSpine<V, R> = Spine<Batch<V, R>>;

/// Updates in order of key, value and time, with at most one for each of these triples.
pub struct Packed<V, R> {
    pub(super) keys: Vec<u32>,
    /// By key, the end of its values, which begin at the end of the key before.
    pub(super) key_ends: Vec<u32>,
    pub(super) vals: Vec<V>,
    /// By value, the end of its updates; empty as long as each value has one update.
    pub(super) val_ends: Vec<u32>,
    pub(super) times: Times,
    pub(super) diffs: Vec<R>,
    /// Lower bound of [`Value::prefix`](super::Value::prefix) over all values.
    pub(super) min_prefix: u32,
}

/// The times of updates.
pub(super) enum Times {
    /// One time for all updates.
    Same(Time),
    /// A time for each update.
    Each(Vec<Time>),
}

impl<V, R> Packed<V, R> {
    /// The keys, in order.
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// The number of values of all keys.
    pub fn values(&self) -> usize {
        self.vals.len()
    }

    /// The number of updates; a sealed batch has at least one.
    #[allow(clippy::len_without_is_empty, reason = "no batch is sealed without updates")]
    pub fn len(&self) -> usize {
        self.diffs.len()
    }

    /// The bytes that its columns take, without what values have elsewhere.
    pub fn bytes(&self) -> usize {
        let ids = self.keys.capacity() + self.key_ends.capacity() + self.val_ends.capacity();
        let times = match &self.times {
            Times::Same(_) => 0,
            Times::Each(times) => size_of::<Time>() * times.capacity(),
        };
        let values = size_of::<V>() * self.vals.capacity();
        size_of::<u32>() * ids + values + times + size_of::<R>() * self.diffs.capacity()
    }

    /// Lower bound of [`Value::prefix`](super::Value::prefix) over all values.
    pub(crate) fn min_prefix(&self) -> u32 {
        self.min_prefix
    }

    /// The range of a key's values.
    pub(super) fn values_of(&self, key: usize) -> Range<usize> {
        let end = |key: usize| self.key_ends[key] as usize;
        key.checked_sub(1).map_or(0, end)..end(key)
    }

    /// The range of a value's updates.
    #[inline]
    pub(super) fn updates_of(&self, val: usize) -> Range<usize> {
        if self.val_ends.is_empty() {
            return val..val + 1;
        }
        let end = |val: usize| self.val_ends[val] as usize;
        val.checked_sub(1).map_or(0, end)..end(val)
    }

    /// The time of an update.
    #[inline]
    pub(super) fn time(&self, update: usize) -> &Time {
        match &self.times {
            Times::Same(time) => time,
            Times::Each(times) => &times[update],
        }
    }

    /// The index of the first key that is not less than `key`, but at least `from`.
    ///
    /// Keys are distinct ids in order. So the key at index i is at least i, and at most i plus the
    /// number of ids that are missing below the last key. In a dense batch that leaves one
    /// candidate, and no search is needed.
    pub(super) fn find(&self, from: usize, key: u32) -> usize {
        let Some(&last) = self.keys.last() else { return 0 };
        let (key_at, keys) = (key as usize, self.keys.len());
        let missing = last as usize + 1 - keys;
        let mut low = from.max(keys.min(key_at.saturating_sub(missing)));
        let mut high = from.max(keys.min(key_at));
        // Keys are mostly sought in order, so a galloping search finds near ones fast.
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
