//! Reads an arrangement by key: what each value sums up to over all batches, as of a time.

use super::packed::{Batch, PackedSpine};
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::{Cursor, Navigable, TraceReader};
use std::ops::ControlFlow;

/// A cursor in each batch of an arrangement.
///
/// Cursors only seek forward, faster the nearer: keys are best asked for in ascending order. A key
/// that lies before the last one costs a search from the beginning.
pub struct Reader<V: ExchangeData, R: ExchangeData + Semigroup> {
    batches: Vec<Batch<V, R>>,
    cursors: Vec<<Batch<V, R> as Navigable>::Cursor>,
    /// The batches that have the key.
    live: Vec<usize>,
    /// The key that was asked for last.
    key: Option<u32>,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> Reader<V, R> {
    /// Reads what a trace holds now.
    pub fn new(trace: &mut TraceAgent<PackedSpine<V, R>>) -> Reader<V, R> {
        let mut batches = Vec::new();
        trace.map_spans(|span| batches.extend(span.inner.clone()));
        let cursors = batches.iter().map(Navigable::cursor).collect();
        Reader { batches, cursors, live: Vec::new(), key: None }
    }

    /// What is read.
    pub fn batches(&self) -> &[Batch<V, R>] {
        &self.batches
    }

    /// Goes to a key.
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

    /// What one value of the key sums up to; none when nothing is known of it. Values must be asked
    /// for in ascending order.
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

    /// Shows the key's values in ascending order, each once, with what it sums up to, which may be
    /// zero.
    pub fn each(&mut self, as_of: Time, mut show: impl FnMut(&V, R)) {
        self.until(as_of, |value, sum| {
            show(value, sum);
            ControlFlow::Continue(())
        });
    }

    /// As [`Reader::each`], until it is told to stop.
    pub fn until(&mut self, as_of: Time, mut show: impl FnMut(&V, R) -> ControlFlow<()>) {
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
            if sum.is_some_and(|sum| show(value, sum).is_break()) {
                return;
            }
        }
    }
}

/// Adds what a cursor's value has up to a time.
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
