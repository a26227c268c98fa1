//! Sums are exact, in whatever order segments are added together.

use super::{PROFILES, Profiles, Row, add, added, profiles, shard};
use crate::{Batch, Kind, Rows, Shard, Table, Value, encode, sum, sum_of_shard};
use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, sample};

fn batches(rows: &[Row<'_>]) -> Vec<Batch> {
    profiles(rows).into_shards().into_iter().map(|(_, batch)| batch).collect()
}

#[test]
fn equal_rows_add_up_and_zeros_vanish() {
    let rows = [
        ("bob", "hats", [2, 0]),
        ("ann", "shoes", [1, 0]),
        ("ann", "hats", [1, 0]),
        ("ann", "shoes", [-1, 4]),
        ("ann", "hats", [-1, 0]),
    ];
    let summed = sum(&PROFILES, &batches(&rows)).unwrap();
    let users: Vec<_> = (0..summed.len()).map(|row| summed.text(0).value(row)).collect();
    assert_eq!(users, ["ann", "bob"]);
    assert_eq!((summed.counts(0), summed.counts(1)), (&[0, 2][..], &[4, 0][..]));
}

#[test]
fn nothing_sums_to_nothing() {
    assert!(sum(&PROFILES, &[]).unwrap().is_empty());
    let back = [("ann", "hats", [1, 7]), ("ann", "hats", [-1, -7])];
    assert!(sum(&PROFILES, &batches(&back)).unwrap().is_empty());
}

#[test]
fn counts_wrap_so_that_a_sum_is_right_again_once_it_is_in_range() {
    let rows = [("a", "", [i64::MAX, 0]), ("a", "", [1, 0]), ("a", "", [-2, 0])];
    assert_eq!(sum(&PROFILES, &batches(&rows)).unwrap().counts(0), [i64::MAX - 1]);
}

#[test]
fn rows_differ_by_each_column() {
    static LISTS: Table = Table {
        name: "lists",
        columns: &[crate::Column::texts("tags"), crate::Column::i64("price").optional()],
        counts: &["count"],
    };
    let rows = |values: &[[Value<'_>; 2]]| {
        let mut rows = Rows::new(&LISTS);
        values.iter().for_each(|values| rows.push(Shard::of(0), values, &[1]));
        let batches: Vec<_> = rows.into_shards().into_iter().map(|(_, batch)| batch).collect();
        sum(&LISTS, &batches).unwrap()
    };
    let ab = Value::Texts(&["a", "b"]);
    let summed = rows(&[
        [ab, Value::I64(0)],
        [ab, Value::Missing],
        [Value::Texts(&["ab"]), Value::I64(0)],
        [Value::Texts(&["b", "a"]), Value::I64(0)],
        [ab, Value::I64(0)],
    ]);
    assert_eq!(summed.counts(0).iter().sum::<i64>(), 5);
    assert_eq!(summed.len(), 4);
}

/// How many users there are: few, so that rows meet.
const USERS: u8 = 6;

/// The shards that have any.
fn shards() -> impl Iterator<Item = Shard> {
    (0..USERS).map(|user| shard(&format!("u{user}")))
}

/// What happens to the segments of a table.
#[derive(Clone, Debug)]
enum Step {
    /// A writer adds changes.
    Write(Vec<(u8, u8, i64)>),
    /// Some of the change segments become one.
    AddChanges(Vec<sample::Index>),
    /// All segments become bases.
    AddAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = (0..USERS, 0_u8..4, prop_oneof![-2_i64..3, any::<i64>()]);
    let step = prop_oneof![
        4 => collection::vec(row, 0..30).prop_map(Step::Write),
        1 => collection::vec(any::<sample::Index>(), 1..5).prop_map(Step::AddChanges),
        1 => Just(Step::AddAll),
    ];
    collection::vec(step, 0..20)
}

/// The sum of segments, as one.
fn compacted(segments: &[Bytes]) -> Bytes {
    let shards = shards().map(|shard| (shard, sum_of_shard(&PROFILES, segments, shard).unwrap()));
    encode(&PROFILES, &shards.collect::<Vec<_>>()).unwrap().bytes
}

proptest! {
    #[test]
    fn segments_add_up_to_their_rows_whatever_was_compacted(steps in steps()) {
        let mut expected = Profiles::new();
        let mut bases: Vec<(Kind, Bytes)> = Vec::new();
        let mut changes: Vec<Bytes> = Vec::new();
        for step in steps {
            match step {
                Step::Write(rows) => {
                    let rows: Vec<_> = rows
                        .into_iter()
                        .map(|(user, tag, count)| (format!("u{user}"), format!("t{tag}"), count))
                        .collect();
                    let rows: Vec<Row<'_>> = rows
                        .iter()
                        .map(|(user, tag, count)| (&**user, &**tag, [*count, count / 2]))
                        .collect();
                    add(&mut expected, &rows);
                    changes.push(encode(&PROFILES, &profiles(&rows).into_shards()).unwrap().bytes);
                }
                Step::AddChanges(chosen) if !changes.is_empty() => {
                    let mut chosen: Vec<_> =
                        chosen.iter().map(|index| index.index(changes.len())).collect();
                    chosen.sort_unstable();
                    chosen.dedup();
                    let taken: Vec<_> =
                        chosen.into_iter().rev().map(|at| changes.swap_remove(at)).collect();
                    changes.push(compacted(&taken));
                }
                Step::AddChanges(_) => {}
                Step::AddAll => {
                    let base = |shard| {
                        let kind = Kind::Base { shard };
                        let held = bases.iter().filter(|(kind, _)| kind.may_hold(shard));
                        let all: Vec<_> =
                            held.map(|(_, bytes)| bytes.clone()).chain(changes.clone()).collect();
                        let rows = sum_of_shard(&PROFILES, &all, shard).unwrap();
                        (kind, encode(&PROFILES, &[(shard, rows)]).unwrap().bytes)
                    };
                    bases = shards().map(base).collect();
                    changes.clear();
                }
            }
        }
        let all: Vec<_> = bases.into_iter().map(|(_, bytes)| bytes).chain(changes).collect();
        let summed: Vec<_> =
            shards().map(|shard| sum_of_shard(&PROFILES, &all, shard).unwrap()).collect();
        // Each row is there once.
        let rows: usize = summed.iter().map(Batch::len).sum();
        assert_eq!(rows, expected.len());
        assert_eq!(added(&summed), expected);
    }
}
