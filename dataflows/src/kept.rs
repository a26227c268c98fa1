//! What is kept of a view between questions, rather than read anew for each: what has changed of it.

use crate::Time;
use crate::counts::Counts;
use crate::reader::Batch;
use differential_dataflow::ExchangeData;
use differential_dataflow::trace::{Cursor, Navigable};

/// A value that tells of a product: those of one product lie together.
pub(crate) trait OfProduct: ExchangeData + Copy {
    /// The product.
    fn product(&self) -> u32;
    /// The first value that there may be of a product.
    fn first_of(product: u32) -> Self;
}

/// The products of a key that have changed since they were read, and when.
#[derive(Default)]
pub(crate) struct Changed(Vec<(Time, u32)>);

impl Changed {
    /// How many changes there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes what a batch changes of the key at its cursor.
    pub(crate) fn note<V: OfProduct>(&mut self, batch: &Batch<V, Counts>, cursor: &mut At<V>) {
        while let Some(value) = cursor.get_val(batch) {
            let product = value.product();
            cursor.map_times(batch, |&time, _| self.0.push((time, product)));
            cursor.step_val(batch);
        }
    }

    /// The products that have changed up to a time, in order; what is later stays.
    fn take(&mut self, time: Time) -> Vec<u32> {
        let now = self.0.extract_if(.., |(at, _)| *at <= time);
        let mut products: Vec<u32> = now.map(|(_, product)| product).collect();
        products.sort_unstable();
        products.dedup();
        products
    }

    /// All values of a key as of a time, in order, which may be in parts; notes what is later.
    pub(crate) fn read_all<V: OfProduct>(
        &mut self,
        key: u32,
        time: Time,
        batches: &[Batch<V, Counts>],
    ) -> Vec<(V, Counts)> {
        let mut values = Vec::new();
        for (batch, mut cursor) in with_key(key, batches) {
            while let Some(&value) = cursor.get_val(batch) {
                cursor.map_times(batch, |&at, counts| {
                    if at <= time {
                        values.push((value, *counts));
                    } else {
                        self.0.push((at, value.product()));
                    }
                });
                cursor.step_val(batch);
            }
        }
        sorted(values)
    }

    /// The products of a key that have changed up to a time, and their values as of it, both in
    /// order; values may be in parts.
    pub(crate) fn read<V: OfProduct>(
        &mut self,
        key: u32,
        time: Time,
        batches: &[Batch<V, Counts>],
    ) -> (Vec<u32>, Vec<(V, Counts)>) {
        let products = self.take(time);
        let mut values = Vec::new();
        if products.is_empty() {
            return (products, values);
        }
        for (batch, mut cursor) in with_key(key, batches) {
            for &product in &products {
                cursor.seek_val(batch, &V::first_of(product));
                let of_it = |value: &&V| value.product() == product;
                while let Some(&value) = cursor.get_val(batch).filter(of_it) {
                    cursor.map_times(batch, |&at, counts| {
                        if at <= time {
                            values.push((value, *counts));
                        }
                    });
                    cursor.step_val(batch);
                }
            }
        }
        (products, sorted(values))
    }
}

/// Each batch's values are in order already, which a stable sort makes use of.
fn sorted<V: Ord + Copy>(mut values: Vec<(V, Counts)>) -> Vec<(V, Counts)> {
    values.sort_by_key(|(value, _)| *value);
    values
}

/// A place in a batch.
pub(crate) type At<V> = <Batch<V, Counts> as Navigable>::Cursor;

/// The batches that have a key, each with a cursor at it.
fn with_key<V: ExchangeData>(
    key: u32,
    batches: &[Batch<V, Counts>],
) -> impl Iterator<Item = (&Batch<V, Counts>, At<V>)> {
    batches.iter().filter_map(move |batch| {
        let mut cursor = batch.cursor();
        cursor.seek_key(batch, &key);
        (cursor.get_key(batch) == Some(&key)).then_some((batch, cursor))
    })
}
