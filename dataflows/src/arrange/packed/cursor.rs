//! A cursor over a batch.

use super::Packed;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::{Cursor, Navigable};
use std::marker::PhantomData;
use std::ops::Range;

impl<V: ExchangeData, R: ExchangeData + Semigroup> Navigable for Packed<V, R> {
    type Cursor = PackedCursor<V, R>;

    fn cursor(&self) -> PackedCursor<V, R> {
        let mut at = PackedCursor { key: 0, vals: 0..0, batch: PhantomData };
        at.rewind_vals(self);
        at
    }
}

/// A position in a batch: a key, and the range of its remaining values.
pub struct PackedCursor<V, R> {
    key: usize,
    vals: Range<usize>,
    batch: PhantomData<(V, R)>,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> Cursor for PackedCursor<V, R> {
    type Storage = Packed<V, R>;

    type Key<'a> = &'a u32;
    type ValOwn = V;
    type Val<'a> = &'a V;
    type Time = Time;
    type TimeGat<'a> = &'a Time;
    type Diff = R;
    type DiffGat<'a> = &'a R;

    type KeyContainer = Vec<u32>;
    type ValContainer = Vec<V>;
    type TimeContainer = Vec<Time>;
    type DiffContainer = Vec<R>;

    fn key_valid(&self, batch: &Packed<V, R>) -> bool {
        self.key < batch.keys.len()
    }

    fn val_valid(&self, _: &Packed<V, R>) -> bool {
        !self.vals.is_empty()
    }

    fn key<'a>(&self, batch: &'a Packed<V, R>) -> &'a u32 {
        &batch.keys[self.key]
    }

    fn val<'a>(&self, batch: &'a Packed<V, R>) -> &'a V {
        &batch.vals[self.vals.start]
    }

    #[inline]
    fn get_key<'a>(&self, batch: &'a Packed<V, R>) -> Option<&'a u32> {
        batch.keys.get(self.key)
    }

    #[inline]
    fn get_val<'a>(&self, batch: &'a Packed<V, R>) -> Option<&'a V> {
        (!self.vals.is_empty()).then(|| &batch.vals[self.vals.start])
    }

    #[inline]
    fn map_times<L: FnMut(&Time, &R)>(&mut self, batch: &Packed<V, R>, mut logic: L) {
        for update in batch.updates_of(self.vals.start) {
            logic(batch.time(update), &batch.diffs[update]);
        }
    }

    fn step_key(&mut self, batch: &Packed<V, R>) {
        self.key = batch.keys.len().min(self.key + 1);
        self.rewind_vals(batch);
    }

    #[inline]
    fn seek_key(&mut self, batch: &Packed<V, R>, key: &u32) {
        self.key = batch.find(self.key, *key);
        self.rewind_vals(batch);
    }

    #[inline]
    fn step_val(&mut self, _: &Packed<V, R>) {
        self.vals.start = self.vals.end.min(self.vals.start + 1);
    }

    fn seek_val(&mut self, batch: &Packed<V, R>, val: &V) {
        let left = &batch.vals[self.vals.clone()];
        // Values are mostly sought in order, so a galloping search finds near ones fast.
        let mut step = 1;
        while step < left.len() && left[step] < *val {
            step *= 2;
        }
        let (low, high) = (step / 2, left.len().min(step + 1));
        self.vals.start += low + left[low..high].partition_point(|other| other < val);
    }

    fn rewind_keys(&mut self, batch: &Packed<V, R>) {
        self.key = 0;
        self.rewind_vals(batch);
    }

    fn rewind_vals(&mut self, batch: &Packed<V, R>) {
        let end = batch.vals.len();
        self.vals = if self.key_valid(batch) { batch.values_of(self.key) } else { end..end };
    }
}
