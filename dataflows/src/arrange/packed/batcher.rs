//! Holds updates until their times are complete, then sorts and sums them into a batch.
//!
//! Differential's own batcher compares and merges, for any data and any time. Dense ids have few
//! significant bits. So a few radix passes put an epoch in the order of its keys and of a prefix of
//! its values, and only updates with equal prefixes are compared.

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

/// A key, a value, when, and by how much.
type Update<V, R> = ((u32, V), Time, R);

/// Holds updates by time, until their times are complete.
pub struct PackedBatcher<V, R> {
    held: BTreeMap<Time, Vec<Update<V, R>>>,
    order: Order,
    /// An empty buffer of the last batch, reused for the next epoch.
    spare: Vec<Update<V, R>>,
}

impl<V, R> Default for PackedBatcher<V, R> {
    fn default() -> PackedBatcher<V, R> {
        PackedBatcher { held: BTreeMap::new(), order: Order::default(), spare: Vec::new() }
    }
}

impl<V: Value, R: ExchangeData + Semigroup> Batcher<Vec<Update<V, R>>> for PackedBatcher<V, R> {
    fn insert(&mut self, updates: &mut Vec<Update<V, R>>) {
        for same in updates.chunk_by(|one, other| one.1 == other.1) {
            let held = self.held.entry(same[0].1);
            held.or_insert_with(|| std::mem::take(&mut self.spare)).extend_from_slice(same);
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
        while let Some(first) = self.held.first_entry()
            && !upper.less_equal(first.key())
        {
            let mut updates = first.remove();
            if ready.is_empty() {
                ready = updates;
            } else {
                ready.append(&mut updates);
            }
        }
        let batch = batch(&ready, &mut self.order);
        if self.spare.capacity() < ready.capacity() {
            ready.clear();
            self.spare = ready;
        }
        (batch, AntichainRef::new(self.held.keys().next().map_or(&[], std::slice::from_ref)))
    }
}

#[cfg(test)]
impl<V: Value, R: ExchangeData + Semigroup> Packed<V, R> {
    /// A batch of some updates.
    pub(crate) fn of(updates: &[Update<V, R>]) -> Option<Packed<V, R>> {
        batch(updates, &mut Order::default())
    }
}

/// Sums the updates of each key, value and time, and makes a batch of the sums that are not zero.
fn batch<V: Value, R: ExchangeData + Semigroup>(
    updates: &[Update<V, R>],
    order: &mut Order,
) -> Option<Packed<V, R>> {
    let min_prefix = updates.iter().map(|((_, value), ..)| value.prefix()).min()?;
    let mut writer = Writer::new(updates.len() / 2, updates.len(), min_prefix);
    // The update under way, and its sum so far.
    let mut last: Option<(&Update<V, R>, R)> = None;
    order.each(updates, min_prefix, |next| match &mut last {
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

/// Writes the sum of a value at a time, and ends the value and its key where the next one differs.
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

/// Puts updates into the order of their keys, values and times.
#[derive(Default)]
struct Order {
    /// One word an update: its key, its value's prefix and its index, in as many bits each as these
    /// updates need.
    words: Vec<u64>,
    spare: Vec<u64>,
}

impl Order {
    /// Calls `show` with the updates in order. `min_prefix` is a lower bound of their prefixes.
    fn each<'a, V: Value, R>(
        &mut self,
        updates: &'a [Update<V, R>],
        min_prefix: u32,
        show: impl FnMut(&'a Update<V, R>),
    ) {
        let bits = |most: u32| u32::BITS - most.leading_zeros();
        let (keys, prefixes) =
            updates.iter().fold((0, 0), |(keys, prefixes), ((key, value), ..)| {
                (keys | key, prefixes | (value.prefix() - min_prefix))
            });
        // A batch has fewer than 2^32 updates: a key and a place always fit.
        let (keys, places) = (bits(keys), usize::BITS - updates.len().leading_zeros());
        let mut prefixes = bits(prefixes);
        if u64::BITS < keys + prefixes + places {
            prefixes = 0;
        }
        let word = |(((key, value), ..), place): (&Update<V, R>, u64)| {
            let prefix = if prefixes == 0 { 0 } else { u64::from(value.prefix() - min_prefix) };
            (u64::from(*key) << prefixes | prefix) << places | place
        };
        self.words.clear();
        self.words.extend(updates.iter().zip(0..).map(word));
        self.sort(places, keys + prefixes);
        let mask = (1 << places) - 1;
        let at = |word: u64| &updates[usize::try_from(word & mask).unwrap_or(usize::MAX)];
        for alike in self.words.chunk_by_mut(|one, other| one >> places == other >> places) {
            alike.sort_unstable_by(|&one, &other| {
                let (((_, one), time, _), ((_, other), other_time, _)) = (at(one), at(other));
                one.cmp(other).then(time.cmp(other_time))
            });
        }
        self.words.iter().map(|&word| at(word)).for_each(show);
    }

    /// Sorts words by so many bits from a lowest one on.
    fn sort(&mut self, lowest: u32, width: u32) {
        // Counting costs as much as some hundred updates.
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

    /// Sorts by one digit, so that equal ones stay in their order.
    fn pass(&mut self, shift: u32, bits: u32) {
        let mask = (1_u64 << bits) - 1;
        // Below 2^11.
        let digit = |word: u64| usize::try_from(word >> shift & mask).unwrap_or(0);
        let mut places = [0_u32; 1 << 11];
        for &word in &self.words {
            places[digit(word)] += 1;
        }
        let mut sum = 0;
        for place in &mut places {
            sum += std::mem::replace(place, sum);
        }
        for &word in &self.words {
            let place = &mut places[digit(word)];
            self.spare[*place as usize] = word;
            *place += 1;
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

    /// What has closed comes out once, summed up and in order; what has not is held.
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
        fn a_batch_is_what_has_closed(
            mut containers in proptest::collection::vec(proptest::collection::vec(update(), 0..900), 0..4),
            most in prop_oneof![Just(u32::MAX), Just((1 << 22) - 1), Just(7)],
        ) {
            // Updates that fit into a word beside their places, and such that do not.
            for ((key, value), ..) in containers.iter_mut().flatten() {
                (*key, *value) = (*key & most, *value & most);
            }
            check(containers, &[Some(0), Some(2), Some(3), None]);
        }
    }

    #[test]
    fn nothing_makes_no_batch() {
        let gone = vec![((1, 2), 1, Counts([1, 0, 0])), ((1, 2), 1, Counts([-1, 0, 0]))];
        check(vec![], &[Some(1), None]);
        check(vec![gone], &[Some(1), Some(2), None]);
    }
}
