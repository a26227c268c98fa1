//! Writes a batch column by column.

use super::Packed;
use super::batch::Times;
use crate::held::Size;
use crate::time::Time;

/// An offset into a column.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a view holds at most 2^32 updates a worker: run more workers")
}

/// Writes a batch in order: a value after its updates, and a key after its values.
pub(super) struct Writer<V, R> {
    pub(super) packed: Packed<V, R>,
}

impl<V, R> Writer<V, R> {
    /// Reserves memory for so many keys, and for values with one update each. `min_prefix` is a
    /// lower bound of [`Value::prefix`](super::Value::prefix) over all of them.
    pub(crate) fn new(keys: usize, values: usize, min_prefix: u32) -> Writer<V, R> {
        Writer {
            packed: Packed {
                keys: Vec::with_capacity(keys),
                key_ends: Vec::with_capacity(keys),
                vals: Vec::with_capacity(values),
                val_ends: Vec::new(),
                times: Times::Same(0),
                diffs: Vec::with_capacity(values),
                min_prefix,
            },
        }
    }

    /// Adds an update to the current value, later than its others.
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

    /// Ends a value: the updates since the one before belong to it. A value without any is left
    /// out.
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

    /// Ends a key: the values since the one before belong to it. A key without any is left out.
    #[inline]
    pub(crate) fn key(&mut self, key: u32) {
        let Packed { keys, key_ends, vals, .. } = &mut self.packed;
        let begin = key_ends.last().map_or(0, |end| *end as usize);
        if begin < vals.len() {
            keys.push(key);
            key_ends.push(offset(vals.len()));
        }
    }

    /// What has been written. Memory that is reserved, and not written yet, is not there yet.
    pub(crate) fn size(&self) -> Size {
        let Packed { keys, vals, val_ends, times, diffs, .. } = &self.packed;
        let times = match times {
            Times::Same(_) => 0,
            Times::Each(times) => size_of::<Time>() * times.len(),
        };
        let ids = size_of::<u32>() * (2 * keys.len() + val_ends.len());
        let values = size_of::<V>() * vals.len() + size_of::<R>() * diffs.len();
        Size { records: vals.len(), bytes: ids + times + values }
    }

    /// Returns the batch; `None` without any update.
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

/// Frees spare capacity beyond an eighth.
fn shrink<T>(items: &mut Vec<T>) {
    if items.len() < items.capacity() / 8 * 7 {
        items.shrink_to_fit();
    }
}
