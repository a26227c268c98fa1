//! Sums are exact, in whatever order segments are added together.

use super::{PROFILES, Profiles, Row, add, added, divided, profiles, shard};
use crate::{Batch, Effort, Kind, Rows, Shard, Table, Value, decode, encode, sum};
use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, sample};

/// A batch of each row.
fn batches(rows: &[Row<'_>]) -> Vec<Batch> {
    rows.iter().map(|row| profiles(&[*row])).collect()
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
    let summed = sum(&PROFILES, &batches(&rows));
    let users: Vec<_> = (0..summed.len()).map(|row| summed.text(0, row)).collect();
    assert_eq!(users, ["ann", "bob"]);
    assert_eq!((summed.counts(0), summed.counts(1)), (&[0, 2][..], &[4, 0][..]));
}

#[test]
fn nothing_sums_to_nothing() {
    assert!(sum(&PROFILES, &[]).is_empty());
    let back = [("ann", "hats", [1, 7]), ("ann", "hats", [-1, -7])];
    assert!(sum(&PROFILES, &batches(&back)).is_empty());
}

#[test]
fn counts_wrap_so_that_a_sum_is_right_again_once_it_is_in_range() {
    let rows = [("a", "", [i64::MAX, 0]), ("a", "", [1, 0]), ("a", "", [-2, 0])];
    assert_eq!(sum(&PROFILES, &batches(&rows)).counts(0), [i64::MAX - 1]);
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
        values.iter().for_each(|values| rows.push(values, &[1]));
        sum(&LISTS, &[rows.into_batch()])
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

/// The rows of segments, of one shard or of all.
fn read(segments: &[Bytes], wanted: Option<Shard>) -> Vec<Batch> {
    let batches = segments.iter().flat_map(|bytes| decode(&PROFILES, bytes).unwrap());
    let batches = batches.map(Result::unwrap);
    batches
        .map(|batch| match wanted {
            None => batch,
            Some(wanted) => {
                let users: Vec<_> = (0..batch.len()).map(|row| shard(batch.text(0, row))).collect();
                batch.filtered(|row| users[row] == wanted)
            }
        })
        .collect()
}

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
    let rows = sum(&PROFILES, &read(segments, None));
    encode(&PROFILES, Effort::Fast, &[rows]).unwrap().bytes
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
                    changes.push(super::changes(&rows).bytes);
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
                        let rows = sum(&PROFILES, &read(&all, Some(shard)));
                        (kind, encode(&PROFILES, Effort::Fast, &[rows]).unwrap().bytes)
                    };
                    bases = shards().map(base).collect();
                    changes.clear();
                }
            }
        }
        let all: Vec<_> = bases.into_iter().map(|(_, bytes)| bytes).chain(changes).collect();
        let summed = sum(&PROFILES, &read(&all, None));
        // Each row is there once, and in one shard.
        assert_eq!(summed.len(), expected.len());
        assert_eq!(divided(&summed).iter().map(|(_, rows)| rows.len()).sum::<usize>(), summed.len());
        assert_eq!(added(&[summed]), expected);
    }
}

/// Columns that take more bits than a processor's word, and some that may be missing.
type Wide = (u64, u64, Option<i64>, u64, Option<u32>, bool);

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..3, any::<u64>(), Just(u64::MAX)]
}

proptest! {
    #[test]
    fn rows_of_any_width_add_up(
        rows in collection::vec(
            (
                (
                    number(),
                    number(),
                    proptest::option::of(any::<i64>()),
                    number(),
                    proptest::option::of(0_u32..2),
                    any::<bool>(),
                ),
                1_i64..3,
                1_usize..3,
            ),
            0..60,
        ),
    ) {
        static WIDE: Table = Table {
            name: "wide",
            columns: &[
                crate::Column::u64("a"),
                crate::Column::u64("b"),
                crate::Column::i64("c").optional(),
                crate::Column::u64("d"),
                crate::Column::u32("e").optional(),
                crate::Column::bool("f"),
            ],
            counts: &["count"],
        };
        let mut expected = std::collections::BTreeMap::<Wide, i64>::new();
        let mut built = Rows::new(&WIDE);
        for (row, count, times) in rows {
            let (a, b, c, d, e, f) = row;
            let values = [
                Value::U64(a),
                Value::U64(b),
                c.map_or(Value::Missing, Value::I64),
                Value::U64(d),
                e.map_or(Value::Missing, Value::U32),
                Value::Bool(f),
            ];
            for _ in 0..times {
                built.push(&values, &[count]);
                *expected.entry(row).or_default() += count;
            }
        }
        let summed = sum(&WIDE, &[built.into_batch()]);
        let optional = |column, row| (!summed.is_missing(column, row)).then(|| summed.number(column, row));
        let found = (0..summed.len()).map(|row| {
            let c = optional(2, row).map(u64::cast_signed);
            let e = optional(4, row).map(|e| u32::try_from(e).unwrap());
            let [a, b, d] = [0, 1, 3].map(|column| summed.number(column, row));
            ((a, b, c, d, e, summed.number(5, row) == 1), summed.counts(0)[row])
        });
        // In the order of their columns: what is missing comes first, as it does in tuples.
        assert_eq!(found.collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
    }
}
