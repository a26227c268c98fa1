//! The batcher: holds updates until their times are complete, then sorts and sums them into a
//! batch.
//!
//! Differential's own batcher compares and merges, for any data and any time. Dense ids have few
//! significant bits. So a few radix passes sort an epoch by key and by a prefix of the value, and
//! only updates with equal prefixes are compared.

use super::Packed;
use super::writer::Writer;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::batcher::{Batcher, Extract};
use differential_dataflow::difference::Semigroup;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use timely::progress::frontier::AntichainRef;

/// A value of an arrangement.
pub trait Value: ExchangeData {
    /// A monotone 32-bit prefix of the value's order, used as the radix-sort key: of two values the
    /// lesser never has the greater prefix.
    fn prefix(&self) -> u32 {
        0
    }
}

impl Value for () {}

impl Value for u16 {
    fn prefix(&self) -> u32 {
        (*self).into()
    }
}

impl Value for u32 {
    fn prefix(&self) -> u32 {
        *self
    }
}

impl Value for Reverse<u32> {
    fn prefix(&self) -> u32 {
        !self.0
    }
}

/// A key and a value, the time, and the difference.
type Update<V, R> = ((u32, V), Time, R);

/// Holds updates by time, until their times are complete.
pub struct PackedBatcher<V, R> {
    by_time: BTreeMap<Time, Vec<Update<V, R>>>,
    sort: RadixSort,
    /// An empty buffer of the last batch, reused for the next epoch.
    spare: Vec<Update<V, R>>,
}

impl<V, R> Default for PackedBatcher<V, R> {
    fn default() -> PackedBatcher<V, R> {
        PackedBatcher { by_time: BTreeMap::new(), sort: RadixSort::default(), spare: Vec::new() }
    }
}

impl<V: Value, R: ExchangeData + Semigroup> Batcher<Vec<Update<V, R>>> for PackedBatcher<V, R> {
    fn insert(&mut self, updates: &mut Vec<Update<V, R>>) {
        for same in updates.chunk_by(|one, other| one.1 == other.1) {
            let updates = self.by_time.entry(same[0].1);
            updates.or_insert_with(|| std::mem::take(&mut self.spare)).extend_from_slice(same);
        }
        updates.clear();
    }
}

impl<V: Value, R: ExchangeData + Semigroup> Extract for PackedBatcher<V, R> {
    type Time = Time;
    type Output = Packed<V, R>;

    fn extract<'a>(
        &'a mut self,
        upper: AntichainRef<'_, Time>,
    ) -> (Option<Self::Output>, AntichainRef<'a, Time>) {
        let mut ready = Vec::new();
        while let Some(first) = self.by_time.first_entry()
            && !upper.less_equal(first.key())
        {
            let mut updates = first.remove();
            if ready.is_empty() {
                ready = updates;
            } else {
                ready.append(&mut updates);
            }
        }
        let batch = batch(&ready, &mut self.sort);
        if self.spare.capacity() < ready.capacity() {
            ready.clear();
            self.spare = ready;
        }
        (batch, AntichainRef::new(self.by_time.keys().next().map_or(&[], std::slice::from_ref)))
    }
}

#[cfg(test)]
impl<V: Value, R: ExchangeData + Semigroup> Packed<V, R> {
    /// A batch of updates; `None` if they cancel out.
    pub(crate) fn of(updates: &[Update<V, R>]) -> Option<Packed<V, R>> {
        batch(updates, &mut RadixSort::default())
    }
}

/// Sums the updates of each key, value and time, and makes a batch of the sums that are not zero.
///
/// ```text
/// consolidate_updates(updates); Packed::from(updates)
/// ```
fn batch<V: Value, R: ExchangeData + Semigroup>(
    updates: &[Update<V, R>],
    sort: &mut RadixSort,
) -> Option<Packed<V, R>> {
    let min_prefix = updates.iter().map(|((_, value), ..)| value.prefix()).min()?;
    let mut writer = Writer::new(updates.len() / 2, updates.len(), min_prefix);
    // The current update, and its sum so far.
    let mut last: Option<(&Update<V, R>, R)> = None;
    sort.each(updates, min_prefix, |next| match &mut last {
        Some(((entry, time, _), sum)) if *entry == next.0 && *time == next.1 => {
            sum.plus_equals(&next.2);
        }
        _ => {
            if let Some(last) = last.replace((next, next.2.clone())) {
                finish(&mut writer, last, Some(&next.0));
            }
        }
    });
    if let Some(last) = last {
        finish(&mut writer, last, None);
    }
    writer.done()
}

/// Writes the sum of an update, and ends its value and its key if the next ones differ.
#[inline]
fn finish<V: Value, R: ExchangeData + Semigroup>(
    writer: &mut Writer<V, R>,
    (((key, value), time, _), sum): (&Update<V, R>, R),
    next: Option<&(u32, V)>,
) {
    if !sum.is_zero() {
        writer.update(*time, sum);
    }
    if next.is_none_or(|(next, other)| next != key || other != value) {
        writer.value(|| value.clone());
    }
    if next.is_none_or(|(next, _)| next != key) {
        writer.key(*key);
    }
}

/// Sorts updates by key, value and time.
#[derive(Default)]
struct RadixSort {
    /// For each update a word of its key, its value's prefix and its index, in as many bits each as
    /// these updates need.
    words: Vec<u64>,
    /// The target of a pass.
    spare: Vec<u64>,
}

impl RadixSort {
    /// Calls `each` with the updates in order. `min_prefix` is a lower bound of their prefixes.
    fn each<'a, V: Value, R>(
        &mut self,
        updates: &'a [Update<V, R>],
        min_prefix: u32,
        each: impl FnMut(&'a Update<V, R>),
    ) {
        let bits = |bits: u32| u32::BITS - bits.leading_zeros();
        let (keys, prefixes) =
            updates.iter().fold((0, 0), |(keys, prefixes), ((key, value), ..)| {
                (keys | key, prefixes | (value.prefix() - min_prefix))
            });
        // A batch has fewer than 2^32 updates, so that a key and an index always fit.
        let (keys, indices) = (bits(keys), usize::BITS - updates.len().leading_zeros());
        let mut prefixes = bits(prefixes);
        if u64::BITS < keys + prefixes + indices {
            prefixes = 0;
        }
        let word = |(((key, value), ..), index): (&Update<V, R>, u64)| {
            let prefix = if prefixes == 0 { 0 } else { u64::from(value.prefix() - min_prefix) };
            (u64::from(*key) << prefixes | prefix) << indices | index
        };
        self.words.clear();
        self.words.extend(updates.iter().zip(0..).map(word));
        self.sort(indices, keys + prefixes);
        let mask = (1 << indices) - 1;
        let at = |word: u64| &updates[usize::try_from(word & mask).unwrap_or(usize::MAX)];
        for alike in self.words.chunk_by_mut(|one, other| one >> indices == other >> indices) {
            alike.sort_unstable_by(|&one, &other| {
                let (((_, one), time, _), ((_, other), other_time, _)) = (at(one), at(other));
                one.cmp(other).then(time.cmp(other_time))
            });
        }
        self.words.iter().map(|&word| at(word)).for_each(each);
    }

    /// Sorts words by `width` bits from the bit `lowest` on.
    fn sort(&mut self, lowest: u32, width: u32) {
        // A pass costs as much as sorting some hundred words.
        if self.words.len() < 1 << 9 {
            return self.words.sort_unstable();
        }
        self.spare.resize(self.words.len(), 0);
        let passes = width.div_ceil(11).max(1);
        let digit = width.div_ceil(passes).max(1);
        for pass in 0..passes {
            self.pass(lowest + pass * digit, digit);
        }
    }

    /// Sorts by one digit, stably: a counting sort.
    fn pass(&mut self, shift: u32, bits: u32) {
        let mask = (1_u64 << bits) - 1;
        // A digit has at most 11 bits.
        let digit = |word: u64| usize::try_from(word >> shift & mask).unwrap_or(0);
        let mut ends = [0_u32; 1 << 11];
        for &word in &self.words {
            ends[digit(word)] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        for &word in &self.words {
            let end = &mut ends[digit(word)];
            self.spare[*end as usize] = word;
            *end += 1;
        }
        std::mem::swap(&mut self.words, &mut self.spare);
    }
}

#[cfg(test)]
mod tests {
    use crate::arrange::packed::PackedBatcher;
    use crate::arrange::packed::tests::read;
    use crate::score::counts::Counts;
    use crate::time::Time;
    use differential_dataflow::batcher::{Batcher, Extract};
    use differential_dataflow::consolidation::consolidate_updates;
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use timely::progress::frontier::AntichainRef;

    type Update = super::Update<u32, Counts>;

    fn update() -> impl Strategy<Value = Update> {
        let id = || prop_oneof![0_u32..4, 0_u32..3000, any::<u32>()];
        let counts = proptest::array::uniform3(-1_i32..2).prop_map(Counts);
        ((id(), id()), 0_u64..6, counts)
    }

    /// Holds the batches to sorted sums: updates come out once, when their time is complete.
    fn check(containers: Vec<Vec<Update>>, uppers: &[Option<Time>]) {
        let mut batcher = PackedBatcher::default();
        let mut all = containers.concat();
        containers.into_iter().for_each(|mut container| batcher.insert(&mut container));
        for upper in uppers {
            let upper = AntichainRef::new(upper.as_slice());
            let (batch, frontier) = batcher.extract(upper);
            let mut closed: Vec<_> =
                all.extract_if(.., |(_, time, _)| !upper.less_equal(time)).collect();
            consolidate_updates(&mut closed);
            assert_eq!(batch.map_or(Vec::new(), |batch| read(&batch)), closed);
            let lowest = all.iter().map(|(_, time, _)| *time).min();
            assert_eq!(frontier.first().copied(), lowest);
        }
    }

    proptest! {
        #[test]
        fn a_batch_has_the_complete_times(
            mut containers in proptest::collection::vec(proptest::collection::vec(update(), 0..900), 0..4),
            most in prop_oneof![Just(u32::MAX), Just((1 << 22) - 1), Just(7)],
        ) {
            // Keys and prefixes that fit into a word beside the index, and such that do not.
            for ((key, value), ..) in containers.iter_mut().flatten() {
                (*key, *value) = (*key & most, *value & most);
            }
            check(containers, &[Some(0), Some(2), Some(3), None]);
        }
    }

    #[test]
    fn no_updates_make_no_batch() {
        let cancelled = vec![((1, 2), 1, Counts([1, 0, 0])), ((1, 2), 1, Counts([-1, 0, 0]))];
        check(vec![], &[Some(1), None]);
        check(vec![cancelled], &[Some(1), Some(2), None]);
    }
}
