//! Reads an arrangement by key: the sum of each value over all batches, as of a time.

use super::packed::{Batch, PackedSpine};
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::{Cursor, Navigable, TraceReader};
use std::ops::ControlFlow;

/// A cursor in each batch of an arrangement.
///
/// Cursors seek forward, and near keys fastest: keys are best sought in ascending order. A key
/// before the last one costs a search from the beginning.
pub struct Reader<V: ExchangeData, R: ExchangeData + Semigroup> {
    batches: Vec<Batch<V, R>>,
    cursors: Vec<<Batch<V, R> as Navigable>::Cursor>,
    /// The indices of the batches that have the key.
    live: Vec<usize>,
    /// The key that was sought last.
    key: Option<u32>,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> Reader<V, R> {
    /// Reads the batches that a trace holds now.
    pub fn new(trace: &mut TraceAgent<PackedSpine<V, R>>) -> Reader<V, R> {
        let mut batches = Vec::new();
        trace.map_spans(|span| batches.extend(span.inner.clone()));
        let cursors = batches.iter().map(Navigable::cursor).collect();
        Reader { batches, cursors, live: Vec::new(), key: None }
    }

    /// The batches that are read.
    pub fn batches(&self) -> &[Batch<V, R>] {
        &self.batches
    }

    /// Seeks a key.
    pub fn seek(&mut self, key: u32) {
        let back = self.key.replace(key).is_some_and(|last| last >= key);
        self.live.clear();
        for (index, (batch, cursor)) in self.batches.iter().zip(&mut self.cursors).enumerate() {
            if back {
                cursor.rewind_keys(batch);
            }
            cursor.seek_key(batch, &key);
            if cursor.get_key(batch) == Some(&key) {
                self.live.push(index);
            }
        }
    }

    /// Goes on to the first of the key's values that is not before one.
    pub fn seek_value(&mut self, value: &V) {
        for &index in &self.live {
            self.cursors[index].seek_val(&self.batches[index], value);
        }
    }

    /// The sum of one of the key's values; `None` without any update of it. Values must be passed
    /// in ascending order.
    pub fn sum(&mut self, value: &V, as_of: Time) -> Option<R> {
        let mut sum = None;
        for &index in &self.live {
            let (batch, cursor) = (&self.batches[index], &mut self.cursors[index]);
            cursor.seek_val(batch, value);
            if cursor.get_val(batch) == Some(value) {
                add(&mut sum, batch, cursor, as_of);
            }
        }
        sum
    }

    /// Calls `each` with each of the key's values, in ascending order, and its sum, which may be
    /// zero.
    pub fn each(&mut self, as_of: Time, mut each: impl FnMut(&V, R)) {
        self.try_each(as_of, |value, sum| {
            each(value, sum);
            ControlFlow::Continue(())
        });
    }

    /// As [`Reader::each`], until `each` breaks.
    pub fn try_each(&mut self, as_of: Time, mut each: impl FnMut(&V, R) -> ControlFlow<()>) {
        let (batches, cursors) = (&self.batches, &mut self.cursors);
        let next = |cursors: &[<Batch<V, R> as Navigable>::Cursor]| {
            let values = self.live.iter().filter_map(|&at| cursors[at].get_val(&batches[at]));
            values.min()
        };
        while let Some(value) = next(cursors) {
            let mut sum = None;
            for &index in &self.live {
                let (batch, cursor) = (&batches[index], &mut cursors[index]);
                if cursor.get_val(batch) == Some(value) {
                    add(&mut sum, batch, cursor, as_of);
                    cursor.step_val(batch);
                }
            }
            if sum.is_some_and(|sum| each(value, sum).is_break()) {
                return;
            }
        }
    }
}

/// Adds the differences of a cursor's value up to a time.
fn add<V: ExchangeData, R: ExchangeData + Semigroup>(
    sum: &mut Option<R>,
    batch: &Batch<V, R>,
    cursor: &mut <Batch<V, R> as Navigable>::Cursor,
    as_of: Time,
) {
    cursor.map_times(batch, |&at, diff| {
        if at <= as_of {
            match sum {
                Some(sum) => sum.plus_equals(diff),
                None => *sum = Some(diff.clone()),
            }
        }
    });
}
