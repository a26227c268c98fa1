//! Merges two batches, a bounded amount of work at a time.

use super::Packed;
use super::batch::Times;
use super::writer::{Writer, offset};
use crate::held::Size;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::implementations::spine_fueled::{Merger, SpineBatch};
use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::Range;
use timely::progress::frontier::AntichainRef;

impl<V: ExchangeData, R: ExchangeData + Semigroup> SpineBatch for Packed<V, R> {
    type Time = Time;
    type Merger = PackedMerger<V, R>;

    fn len(&self) -> usize {
        Packed::len(self)
    }
}

thread_local! {
    static UNDER_WAY: Cell<Size> = Cell::default();
}

/// What the merges that this worker has under way have written; they belong to no arrangement yet. A worker is a
/// thread.
pub fn merges_under_way() -> Size {
    UNDER_WAY.get()
}

/// What one merge has written, as a part of the sum of all.
#[derive(Default)]
struct Written(Size);

impl Written {
    fn set(&mut self, size: Size) {
        let before = std::mem::replace(&mut self.0, size);
        let sum = UNDER_WAY.get();
        UNDER_WAY.set(Size {
            records: sum.records + size.records - before.records,
            bytes: sum.bytes + size.bytes - before.bytes,
        });
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        self.set(Size::default());
    }
}

/// A merge under way.
pub struct PackedMerger<V, R> {
    /// The next key of each batch.
    at: [usize; 2],
    /// The remaining values of each batch, while a key that both have is being merged.
    left: Option<(Range<usize>, Range<usize>)>,
    writer: Writer<V, R>,
    /// The compaction frontier: earlier times become this one.
    since: Time,
    /// The updates of the current value, where they need consolidation.
    gathered: Vec<(Time, R)>,
    written: Written,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> Merger<Packed<V, R>> for PackedMerger<V, R> {
    fn new(one: &Packed<V, R>, other: &Packed<V, R>, since: AntichainRef<'_, Time>) -> Self {
        let keys = one.keys.len() + other.keys.len();
        let values = one.vals.len() + other.vals.len();
        let writer = Writer::new(keys, values, one.min_prefix.min(other.min_prefix));
        let since = since.first().copied().unwrap_or(0);
        let (gathered, written) = (Vec::new(), Written::default());
        PackedMerger { at: [0; 2], left: None, writer, since, gathered, written }
    }

    /// Works until `fuel` runs out or all is merged, which leaves some. It computes:
    ///
    /// ```text
    /// updates = one ++ other;  updates.time = max(updates.time, since);  consolidate(updates)
    /// ```
    fn work(&mut self, one: &Packed<V, R>, other: &Packed<V, R>, fuel: &mut isize) {
        while *fuel > 0 {
            let [at, other_at] = self.at;
            let left = [one.keys.get(at), other.keys.get(other_at)];
            let key_order = match left {
                [Some(key), Some(other_key)] => key.cmp(other_key),
                [Some(_), None] => Ordering::Less,
                [None, Some(_)] => Ordering::Greater,
                [None, None] => break,
            };
            let worked = match key_order {
                Ordering::Less => self.copy(one, 0, left[1], *fuel),
                Ordering::Greater => self.copy(other, 1, left[0], *fuel),
                Ordering::Equal => self.merge_key(one, other, *fuel),
            };
            *fuel -= isize::try_from(worked).unwrap_or(isize::MAX);
        }
        self.written.set(self.writer.size());
    }

    fn done(self) -> Option<Packed<V, R>> {
        self.writer.done()
    }
}

impl<V: ExchangeData, R: ExchangeData + Semigroup> PackedMerger<V, R> {
    /// Copies keys of one batch that come before the next key of the other, while there is fuel.
    /// Returns the number of updates copied.
    fn copy(
        &mut self,
        source: &Packed<V, R>,
        side: usize,
        until: Option<&u32>,
        fuel: isize,
    ) -> usize {
        let from = self.at[side];
        let fuel = usize::try_from(fuel).unwrap_or(0);
        let start = source.values_of(from).start;
        let mut to = from + 1;
        while to < source.keys.len()
            && until.is_none_or(|until| source.keys[to] < *until)
            && source.key_ends[to - 1] as usize - start < fuel
        {
            to += 1;
        }
        self.at[side] = to;
        let vals = start..source.values_of(to - 1).end;
        let updates = source.updates_of(vals.start).start..source.updates_of(vals.end - 1).end;
        if !self.writer.copy(source, from..to, vals.clone(), self.since) {
            for key in from..to {
                for val in source.values_of(key) {
                    self.write(source, val);
                }
                self.writer.key(source.keys[key]);
            }
        }
        updates.len()
    }

    /// Merges a key that both have, while there is fuel: one key may have most of a view's values.
    /// Returns the number of values merged.
    fn merge_key(&mut self, one: &Packed<V, R>, other: &Packed<V, R>, fuel: isize) -> usize {
        let [at, other_at] = self.at;
        let of_key = || (one.values_of(at), other.values_of(other_at));
        let (mut vals, mut others) = self.left.take().unwrap_or_else(of_key);
        let (all, fuel) = (vals.len() + others.len(), usize::try_from(fuel).unwrap_or(0));
        while all - vals.len() - others.len() < fuel {
            let order = match (vals.clone().next(), others.clone().next()) {
                (Some(val), Some(other_val)) => one.vals[val].cmp(&other.vals[other_val]),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => {
                    self.writer.key(one.keys[at]);
                    self.at = [at + 1, other_at + 1];
                    return all;
                }
            };
            match order {
                Ordering::Less => self.write(one, vals.start),
                Ordering::Greater => self.write(other, others.start),
                Ordering::Equal => self.merge_value((one, vals.start), (other, others.start)),
            }
            vals.start += usize::from(order != Ordering::Greater);
            others.start += usize::from(order != Ordering::Less);
        }
        let worked = all - vals.len() - others.len();
        self.left = Some((vals, others));
        worked
    }

    /// Writes a value that only one batch has.
    #[inline]
    fn write(&mut self, source: &Packed<V, R>, val: usize) {
        let updates = source.updates_of(val);
        if updates.len() == 1 {
            let time = *source.time(updates.start);
            self.writer.update(time.max(self.since), source.diffs[updates.start].clone());
        } else {
            self.gather(source, updates);
            self.write_gathered();
        }
        self.writer.value(|| source.vals[val].clone());
    }

    /// Writes a value that both batches have, unless its updates cancel out.
    fn merge_value(
        &mut self,
        (one, val): (&Packed<V, R>, usize),
        (other, other_val): (&Packed<V, R>, usize),
    ) {
        self.gather(one, one.updates_of(val));
        self.gather(other, other.updates_of(other_val));
        self.write_gathered();
        self.writer.value(|| one.vals[val].clone());
    }

    /// Collects updates of the current value, with compacted times.
    fn gather(&mut self, source: &Packed<V, R>, updates: Range<usize>) {
        for update in updates {
            let time = *source.time(update);
            self.gathered.push((time.max(self.since), source.diffs[update].clone()));
        }
    }

    /// Writes the sums of the gathered updates, one for each time.
    fn write_gathered(&mut self) {
        consolidate(&mut self.gathered);
        self.gathered.drain(..).for_each(|(time, sum)| self.writer.update(time, sum));
    }
}

impl<V: Clone, R: Clone> Writer<V, R> {
    /// Copies whole keys. Returns false, and copies nothing, unless all their updates and all that
    /// is written have the same time after compaction, and one update for each value.
    fn copy(
        &mut self,
        source: &Packed<V, R>,
        keys: Range<usize>,
        vals: Range<usize>,
        since: Time,
    ) -> bool {
        let Times::Same(time) = source.times else { return false };
        let Times::Same(same) = &mut self.packed.times else { return false };
        let time = time.max(since);
        if self.packed.diffs.is_empty() {
            *same = time;
        }
        if *same != time || !source.val_ends.is_empty() || !self.packed.val_ends.is_empty() {
            return false;
        }
        let written = self.packed.vals.len();
        self.packed.keys.extend_from_slice(&source.keys[keys.clone()]);
        let ends = source.key_ends[keys].iter().map(|end| *end as usize - vals.start + written);
        self.packed.key_ends.extend(ends.map(offset));
        self.packed.vals.extend_from_slice(&source.vals[vals.clone()]);
        self.packed.diffs.extend_from_slice(&source.diffs[vals]);
        true
    }
}
