//! Batches of pairs of ids, sorted by radix.
//!
//! Differential's own batcher compares and merges, for any data and any time. Pairs of dense ids
//! have few significant bits and times here are ordered, so that two or three passes over an epoch
//! sort it, and the batch is written as it is read.

use crate::Time;
use crate::counts::Counts;
use crate::packed::{Packed, Writer};
use differential_dataflow::batcher::{Batcher, Extract};
use differential_dataflow::difference::{IsZero, Semigroup};
use std::collections::BTreeMap;
use timely::progress::frontier::AntichainRef;

/// A key, a value, when, and by how much.
pub type Update = ((u32, u32), Time, Counts);

/// Holds updates, by time, until their times have closed.
#[derive(Default)]
pub struct RadixBatcher {
    held: BTreeMap<Time, Vec<Update>>,
    order: Order,
    /// What was taken, for the next ones to be written into.
    spare: Vec<Update>,
}

impl Batcher<Vec<Update>> for RadixBatcher {
    fn insert(&mut self, updates: &mut Vec<Update>) {
        for same in updates.chunk_by(|one, other| one.1 == other.1) {
            let held = self.held.entry(same[0].1);
            held.or_insert_with(|| std::mem::take(&mut self.spare)).extend_from_slice(same);
        }
        updates.clear();
    }
}

impl Extract for RadixBatcher {
    type Time = Time;
    type Output = Packed<u32, Counts>;

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

/// Puts updates into the order of their pairs.
#[derive(Default)]
struct Order {
    /// A word an update: its pair, packed into as many bits as the largest ids need, above its place.
    words: Vec<u64>,
    spare: Vec<u64>,
}

impl Order {
    /// Shows the updates in the order of their pairs; those of one pair in the order they came in.
    fn each<'a>(&mut self, updates: &'a [Update], show: impl FnMut(&'a Update)) {
        let bits = |all: usize| usize::BITS - all.leading_zeros();
        let (keys, values) = updates
            .iter()
            .fold((0, 0), |(keys, values), &((key, value), ..)| (keys | key, values | value));
        let (keys, values) = (bits(keys as usize), bits(values as usize));
        let places = bits(updates.len());
        if u64::BITS < keys + values + places {
            // Never seen: some hundred million users and tags in one epoch of thousands.
            let mut sorted: Vec<&Update> = updates.iter().collect();
            sorted.sort_by_key(|(pair, ..)| *pair);
            return sorted.into_iter().for_each(show);
        }
        let pack = |(&((key, value), ..), place): (&Update, u64)| {
            (u64::from(key) << values | u64::from(value)) << places | place
        };
        self.words.clear();
        self.words.extend(updates.iter().zip(0..).map(pack));
        self.sort(places, keys + values);
        let place = |word: &u64| word & ((1 << places) - 1);
        // A place is below the number of updates.
        let at = |word| usize::try_from(place(word)).unwrap_or(usize::MAX);
        self.words.iter().map(|word| &updates[at(word)]).for_each(show);
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

/// Sums up the updates of each pair and time, and makes a batch of what is left. They come in the
/// order of their times.
fn batch(updates: &[Update], order: &mut Order) -> Option<Packed<u32, Counts>> {
    let mut writer = Writer::with_capacity(updates.len() / 2, updates.len());
    // The pair under way, and what it comes to at the last of its times.
    let mut under_way: Option<Update> = None;
    order.each(updates, |&(pair, time, counts)| match &mut under_way {
        Some((last, at, sum)) if *last == pair && *at == time => sum.plus_equals(&counts),
        under_way => {
            if let Some(last) = under_way.replace((pair, time, counts)) {
                finish(&mut writer, last, Some(pair));
            }
        }
    });
    if let Some(last) = under_way {
        finish(&mut writer, last, None);
    }
    writer.done()
}

/// Writes what a pair comes to at a time, and the pair, unless the next is the same.
fn finish(
    writer: &mut Writer<u32, Counts>,
    ((key, value), time, sum): Update,
    next: Option<(u32, u32)>,
) {
    if !sum.is_zero() {
        writer.update(time, sum);
    }
    if next != Some((key, value)) {
        writer.value(|| value);
    }
    if next.is_none_or(|next| next.0 != key) {
        writer.key(key);
    }
}

#[cfg(test)]
mod tests {
    use super::{RadixBatcher, Update};
    use crate::Time;
    use crate::counts::Counts;
    use crate::packed::{Packed, PackedBatcher};
    use differential_dataflow::batcher::{Batcher, Extract};
    use differential_dataflow::consolidation::consolidate_updates;
    use differential_dataflow::trace::{Cursor, Navigable};
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use timely::progress::frontier::AntichainRef;

    fn updates(batch: Option<Packed<u32, Counts>>) -> Vec<Update> {
        let mut updates = Vec::new();
        if let Some(batch) = batch {
            let mut cursor = batch.cursor();
            let read = cursor.to_vec(&batch, |key| *key, |value| *value);
            for (pair, times) in read {
                updates.extend(times.into_iter().map(|(time, counts)| (pair, time, counts)));
            }
            assert_eq!(batch.len(), updates.len());
        }
        updates
    }

    fn update() -> impl Strategy<Value = Update> {
        let id = || prop_oneof![0_u32..4, 0_u32..3000, any::<u32>()];
        let counts = proptest::array::uniform3(-1_i32..2).prop_map(Counts);
        ((id(), id()), 0_u64..6, counts)
    }

    /// What has closed comes out once, summed up and in order; what has not is held.
    fn check(containers: Vec<Vec<Update>>, uppers: &[Option<Time>]) {
        let mut ours = RadixBatcher::default();
        let mut theirs = PackedBatcher::<u32, Counts>::new(None, 0);
        let mut all = containers.concat();
        for mut container in containers {
            Batcher::insert(&mut theirs, &mut container.clone());
            ours.insert(&mut container);
        }
        for upper in uppers {
            let upper = AntichainRef::new(upper.as_slice());
            let (batch, frontier) = ours.extract(upper);
            let (expected, bound) = theirs.extract(upper);
            let mut closed: Vec<_> =
                all.extract_if(.., |(_, time, _)| !upper.less_equal(time)).collect();
            consolidate_updates(&mut closed);
            let batch = updates(batch);
            assert_eq!(batch, closed);
            assert_eq!(batch, updates(expected));
            let lowest = all.iter().map(|(_, time, _)| *time).min();
            assert_eq!(frontier.first().copied(), lowest);
            // Differential's own knows which of what it holds sums up to nothing.
            assert!(bound.iter().all(|time| lowest.is_some_and(|lowest| lowest <= *time)));
        }
    }

    proptest! {
        #[test]
        fn a_batch_is_what_differential_makes(
            mut containers in proptest::collection::vec(proptest::collection::vec(update(), 0..900), 0..4),
            most in prop_oneof![Just(u32::MAX), Just((1 << 22) - 1), Just(7)],
        ) {
            // Pairs that fit into a word beside their places, and such that do not.
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
