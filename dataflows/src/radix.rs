//! Batches of pairs of ids, sorted by radix.
//!
//! Differential's own batcher compares and merges, for any data and any time. Pairs of dense ids
//! have few significant bits and times here are ordered, so that two or three passes over an epoch
//! sort it, and the batch is written as it is read.

use crate::Time;
use crate::counts::Counts;
use crate::reader::Batch;
use differential_dataflow::batcher::{Batcher, Extract};
use differential_dataflow::difference::{IsZero, Semigroup};
use differential_dataflow::trace::implementations::ord_neu::val_batch::OrdValStorage;
use differential_dataflow::trace::implementations::ord_neu::{OrdValBatch, Upds, Vals};
use differential_dataflow::trace::implementations::{BatchContainer, Vector};
use std::rc::Rc;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;

/// A key, a value, when, and by how much.
pub type Update = ((u32, u32), Time, Counts);

/// Holds updates until their times have closed.
#[derive(Default)]
pub struct RadixBatcher {
    held: Vec<Update>,
    frontier: Antichain<Time>,
    order: Order,
}

impl Batcher<Vec<Update>> for RadixBatcher {
    fn insert(&mut self, updates: &mut Vec<Update>) {
        self.held.append(updates);
    }
}

impl Extract for RadixBatcher {
    type Time = Time;
    type Output = Batch<u32, Counts>;

    fn extract<'a>(
        &'a mut self,
        upper: AntichainRef<'_, Time>,
    ) -> (Option<Self::Output>, AntichainRef<'a, Time>) {
        let closed = |update: &mut Update| !upper.less_equal(&update.1);
        let ready: Vec<Update> = self.held.extract_if(.., closed).collect();
        self.frontier = self.held.iter().map(|(_, time, _)| *time).collect();
        (batch(&ready, self.order.sort(&ready)), self.frontier.borrow())
    }
}

/// The places of updates in the order of their pairs, with the buffers to find it.
#[derive(Default)]
struct Order {
    places: Vec<(u64, u32)>,
    spare: Vec<(u64, u32)>,
}

impl Order {
    /// Pairs, each packed into as many bits as the largest ids need, with their places, in order.
    fn sort(&mut self, updates: &[Update]) -> &[(u64, u32)] {
        let bits = |all: u32| u32::BITS - all.leading_zeros();
        let (keys, values) = updates
            .iter()
            .fold((0, 0), |(keys, values), &((key, value), ..)| (keys | key, values | value));
        let pack = |&((key, value), ..): &Update| u64::from(key) << bits(values) | u64::from(value);
        self.places.clear();
        self.places.extend(updates.iter().map(pack).zip(0..));
        self.spare.resize(updates.len(), (0, 0));
        let width = bits(keys) + bits(values);
        // Counting costs as much as some hundred updates.
        if updates.len() < 1 << 9 {
            self.places.sort_unstable();
        } else {
            let passes = width.div_ceil(11).max(1);
            let digit = width.div_ceil(passes).max(1);
            for pass in 0..passes {
                self.pass(pass * digit, digit);
            }
        }
        &self.places
    }

    /// Sorts by one digit, so that equal ones stay in their order.
    fn pass(&mut self, shift: u32, bits: u32) {
        let mask = (1_u64 << bits) - 1;
        // Below 2^11.
        let digit = |pair: u64| usize::try_from(pair >> shift & mask).unwrap_or(0);
        let mut places = [0_usize; 1 << 11];
        for &(pair, _) in &self.places {
            places[digit(pair)] += 1;
        }
        let mut sum = 0;
        for place in &mut places {
            sum += std::mem::replace(place, sum);
        }
        for &(pair, at) in &self.places {
            let place = &mut places[digit(pair)];
            self.spare[*place] = (pair, at);
            *place += 1;
        }
        std::mem::swap(&mut self.places, &mut self.spare);
    }
}

/// Sums up the updates of each pair and time, and makes a batch of what is left.
fn batch(updates: &[Update], order: &[(u64, u32)]) -> Option<Batch<u32, Counts>> {
    let mut storage: OrdValStorage<Vector<Update>> = OrdValStorage {
        keys: Vec::with_capacity(updates.len() / 2),
        vals: Vals::with_capacity(updates.len() / 2, updates.len()),
        upds: Upds::with_capacity(updates.len(), 0),
    };
    let (mut total, mut sums) = (0, Vec::new());
    for same in order.chunk_by(|one, other| one.0 == other.0) {
        let ((key, value), ..) = updates[same[0].1 as usize];
        sum_up(same.iter().map(|&(_, at)| updates[at as usize]), &mut sums);
        if sums.is_empty() {
            continue;
        }
        if storage.keys.last() != Some(&key) {
            if !storage.keys.is_empty() {
                storage.vals.offs.push(storage.vals.vals.len());
            }
            storage.keys.push(key);
        }
        storage.vals.vals.push(value);
        total += sums.len();
        // One update like the last one takes no room: an empty range stands for it.
        let (times, diffs) = (&mut storage.upds.times, &mut storage.upds.diffs);
        let again = times.last().copied().zip(diffs.last().copied());
        if sums.len() > 1 || sums.last() != again.as_ref() {
            times.extend(sums.iter().map(|(time, _)| *time));
            diffs.extend(sums.iter().map(|(_, counts)| *counts));
        }
        storage.upds.offs.push(times.len());
    }
    storage.vals.offs.push(storage.vals.vals.len());
    (total > 0).then(|| Rc::new(OrdValBatch { storage, updates: total }))
}

/// What a pair's updates come to at each time, in order, without what comes to nothing.
fn sum_up(updates: impl Iterator<Item = Update>, sums: &mut Vec<(Time, Counts)>) {
    sums.clear();
    for (_, time, counts) in updates {
        let place = sums.partition_point(|(at, _)| *at < time);
        match sums.get_mut(place) {
            Some((at, sum)) if *at == time => sum.plus_equals(&counts),
            _ => sums.insert(place, (time, counts)),
        }
    }
    sums.retain(|(_, sum)| !sum.is_zero());
}

#[cfg(test)]
mod tests {
    use super::{RadixBatcher, Update};
    use crate::Time;
    use crate::counts::Counts;
    use crate::reader::Batch;
    use differential_dataflow::batcher::{Batcher, Extract};
    use differential_dataflow::consolidation::consolidate_updates;
    use differential_dataflow::trace::implementations::ValBatcher;
    use differential_dataflow::trace::{Cursor, Navigable};
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};
    use timely::progress::frontier::AntichainRef;

    fn updates(batch: Option<Batch<u32, Counts>>) -> Vec<Update> {
        let mut updates = Vec::new();
        if let Some(batch) = batch {
            let mut cursor = batch.cursor();
            let read = cursor.to_vec(&batch, |key| *key, |value| *value);
            for (pair, times) in read {
                updates.extend(times.into_iter().map(|(time, counts)| (pair, time, counts)));
            }
            assert_eq!(batch.updates, updates.len());
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
        let mut theirs = ValBatcher::<u32, u32, Time, Counts>::new(None, 0);
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
            assert_eq!(batch, updates(expected.map(Into::into)));
            let lowest = all.iter().map(|(_, time, _)| *time).min();
            assert_eq!(frontier.first().copied(), lowest);
            // Differential's own knows which of what it holds sums up to nothing.
            assert!(bound.iter().all(|time| lowest.is_some_and(|lowest| lowest <= *time)));
        }
    }

    proptest! {
        #[test]
        fn a_batch_is_what_differential_makes(
            containers in proptest::collection::vec(proptest::collection::vec(update(), 0..900), 0..4),
        ) {
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
