//! Holds batches to sorted sums.

use super::merger::PackedMerger;
use super::{Packed, Value};
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::trace::implementations::spine_fueled::Merger;
use differential_dataflow::trace::{Cursor, Navigable};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use timely::progress::frontier::AntichainRef;

type Update = ((u32, u16), Time, Counts);

/// Keys and values that repeat, dense ones, and any; at few times, or at one.
fn updates() -> impl Strategy<Value = Vec<Update>> {
    let key = prop_oneof![0_u32..4, 0_u32..60, any::<u32>()];
    let val = prop_oneof![Just(0_u16), 0_u16..3, any::<u16>()];
    let counts = proptest::array::uniform3(-1_i32..2).prop_map(Counts);
    let last = prop_oneof![Just(1_u64), Just(9)];
    last.prop_flat_map(move |last| {
        let update = ((key.clone(), val.clone()), 0..last, counts.clone());
        proptest::collection::vec(update, 0..120)
    })
}

pub(super) fn read<V: Value>(batch: &Packed<V, Counts>) -> Vec<((u32, V), Time, Counts)> {
    let mut read = Vec::new();
    for (entry, times) in batch.cursor().to_vec(batch, |key| *key, V::clone) {
        assert!(batch.min_prefix() <= entry.1.prefix());
        read.extend(times.into_iter().map(|(time, counts)| (entry.clone(), time, counts)));
    }
    assert_eq!(batch.len(), read.len());
    assert_eq!(batch.values(), read.chunk_by(|one, other| one.0 == other.0).count());
    read
}

proptest! {
    #[test]
    fn a_batch_holds_the_sums_that_are_not_zero(updates in updates()) {
        let mut expected = updates.clone();
        consolidate_updates(&mut expected);
        assert_eq!(Packed::of(&updates).map_or(Vec::new(), |batch| read(&batch)), expected);
    }

    #[test]
    fn merging_in_parts_gives_the_sums(
        one in updates(), other in updates(), since in 0_u64..10, fuel in 1_isize..50,
    ) {
        let mut expected = [one.clone(), other.clone()].concat();
        expected.iter_mut().for_each(|(_, time, _)| *time = since.max(*time));
        consolidate_updates(&mut expected);
        if let (Some(one), Some(other)) = (Packed::of(&one), Packed::of(&other)) {
            let since = [since];
            let mut merging = PackedMerger::new(&one, &other, AntichainRef::new(&since));
            let mut parts = 0;
            loop {
                let mut left = fuel;
                merging.work(&one, &other, &mut left);
                parts += 1;
                if 0 < left {
                    break;
                }
            }
            // Each update costs fuel once.
            assert!(parts <= 1 + (one.len() + other.len()) / usize::try_from(fuel).unwrap());
            let merged = merging.done();
            assert_eq!(merged.map_or(Vec::new(), |batch| read(&batch)), expected);
        }
    }

    #[test]
    fn seeking_finds_the_first_that_is_not_less(
        updates in updates(), keys in proptest::collection::vec(0_u32..64, 0..20), val in 0_u16..4,
    ) {
        let Some(batch) = Packed::of(&updates) else { return Ok(()) };
        let all = read(&batch);
        let mut cursor = batch.cursor();
        let (mut last, mut rewound) = (0, 0);
        for key in keys {
            if key < last {
                cursor.rewind_keys(&batch);
                rewound += 1;
            }
            last = key;
            cursor.seek_key(&batch, &key);
            let next = all.iter().find(|((other, _), ..)| key <= *other).map(|(entry, ..)| *entry);
            assert_eq!(cursor.get_key(&batch).copied(), next.map(|entry| entry.0), "{rewound}");
            assert_eq!(cursor.get_val(&batch).copied(), next.map(|entry| entry.1));
            let Some((found, _)) = next else { continue };
            cursor.seek_val(&batch, &val);
            let of_key = all.iter().map(|(entry, ..)| *entry).filter(|entry| entry.0 == found);
            let next = of_key.map(|entry| entry.1).find(|other| val <= *other);
            assert_eq!(cursor.get_val(&batch).copied(), next);
        }
    }
}
