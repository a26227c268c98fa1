//! The tables of a checkpoint: rows of the views in the form that they are stored in, and back.

use checkpoints::{Batch, Column, Shard, Table};
use columns::{ColumnType, ColumnValues};
use dataflows::score::counts::Counts;
use dataflows::stored::{StoredRows, StoredView};

const COUNTS: &[&str] = &["views", "carts", "purchases"];
const TIMES: &[&str] = &["times"];

macro_rules! tables {
    ($($view:ident: $name:literal, $counts:expr, [$($column:expr),* $(,)?];)*) => {
        /// All tables.
        pub static TABLES: &[&Table] = &[$({
            static TABLE: Table =
                Table { name: $name, columns: &[$($column),*], counts: $counts };
            &TABLE
        }),*];

        /// The views of the tables, in their order.
        pub(crate) const VIEWS: &[StoredView] = &[$(StoredView::$view),*];
    };
}

tables! {
    Profile: "profiles", COUNTS, [Column::text("user"), Column::text("tag")];
    Bought: "bought", COUNTS, [Column::text("user"), Column::text("product")];
    Activity: "activity", COUNTS, [Column::text("user"), Column::u32("minute")];
    History: "history", COUNTS, [
        Column::text("user"),
        Column::u64("time"),
        Column::text("product"),
        Column::bool("pairs"),
        Column::bool("is_guests"),
        Column::bool("is_removal"),
        Column::bool("is_taken"),
        Column::bool("is_stand_in"),
        Column::texts("tags"),
    ];
    MovedMoments: "moved_moments", COUNTS, [
        Column::text("user"),
        Column::text("origin"),
        Column::u64("time"),
        Column::text("product"),
        Column::bool("pairs"),
        Column::bool("is_guests"),
        Column::bool("is_removal"),
        Column::bool("is_taken"),
        Column::bool("is_stand_in"),
        Column::texts("tags"),
    ];
    MovedRest: "moved_rest", COUNTS, [
        Column::text("user"),
        Column::text("origin"),
        Column::u32("hour"),
        Column::text("tag").optional(),
        Column::text("product").optional(),
        Column::u32("minute").optional(),
    ];
    Pairs: "pairs", COUNTS, [
        Column::text("product"),
        Column::text("partner"),
        Column::u32("day"),
        Column::bool("after"),
        // At most so far apart; without it, the one followed directly after the other.
        Column::u32("minutes").optional(),
    ];
    Repeats: "repeats", &["followers", "repeats"], [Column::u32("day")];
    Popularity: "popularity", COUNTS, [
        Column::text("tag"),
        Column::text("product"),
        Column::u32("day"),
    ];
    Labels: "labels", TIMES, [
        Column::text("product"),
        Column::text("tag"),
        Column::bool("is_stand_in"),
    ];
    Catalogue: "catalogue", TIMES, [
        Column::text("product"),
        Column::bool("is_deleted"),
        Column::text("name"),
        Column::text("category"),
        Column::i64("price").optional(),
        Column::bool("is_unavailable"),
        Column::texts("tags"),
    ];
    Merges: "merges", TIMES, [
        Column::text("user"),
        Column::i64("time"),
        Column::text("account"),
        Column::u32("recorded"),
    ];
    Forgets: "forgets", TIMES, [
        Column::u64("user_hash_high"),
        Column::u64("user_hash_low"),
        Column::i64("time"),
        Column::u32("recorded"),
        Column::u64("since"),
    ];
    EventIds: "event_ids", TIMES, [
        Column::u64("owner"),
        Column::u64("hash_high"),
        Column::u64("hash_low"),
        Column::u32("recorded"),
    ];
}

/// The table of a view; none of what is in the manifest.
pub(crate) fn table_of(view: StoredView) -> Option<&'static Table> {
    let place = VIEWS.iter().position(|other| *other == view)?;
    Some(TABLES[place])
}

/// The rows of a view as those of its table.
pub(crate) fn batch(table: &'static Table, rows: StoredRows) -> Batch {
    let (values, counts) = rows.into_parts();
    let mut values = values.into_iter();
    let columns = table.columns.iter().map(|column| match values.next() {
        Some(ColumnValues { values, missing }) => {
            ColumnValues { values: values.cast(column.kind()), missing }
        }
        None => none(column.kind(), counts.len()),
    });
    let columns = columns.collect();
    let count = |place: usize| counts.iter().map(|counts| i64::from(counts.0[place])).collect();
    Batch::new(table, columns, (0..table.counts.len()).map(count).collect())
}

/// A column that no row of the view has.
fn none(kind: ColumnType, rows: usize) -> ColumnValues {
    let mut column = ColumnValues::new(kind);
    (0..rows).for_each(|_| column.push_missing());
    column
}

/// The rows of a table's batch as those of its view.
pub(crate) fn read(view: StoredView, batch: Batch) -> StoredRows {
    let len = batch.len();
    let (columns, stored) = batch.into_parts();
    let mut counts = vec![Counts::default(); len];
    for (place, column) in stored.iter().enumerate() {
        for (counts, count) in counts.iter_mut().zip(column) {
            // It wraps around, as it does in the views.
            let [a, b, c, d, ..] = count.to_le_bytes();
            counts.0[place] = i32::from_le_bytes([a, b, c, d]);
        }
    }
    StoredRows::of(view, columns, counts)
}

/// The shard of each row of a table's batch.
pub(crate) fn shards(view: StoredView, batch: &Batch) -> Vec<Shard> {
    view.owners(batch.columns()).into_iter().map(Shard::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflows::stored::Value;

    #[test]
    fn rows_are_read_as_they_were_added() {
        let text = Value::Text;
        let number = Value::Number;
        let rows: &[(StoredView, &[Value<'_>])] = &[
            (StoredView::Profile, &[text("ann"), text("red")]),
            (
                StoredView::History,
                &[
                    text("ann"),
                    number(7),
                    text("mug"),
                    number(1),
                    number(0),
                    number(0),
                    number(1),
                    number(1),
                ],
            ),
            (
                StoredView::MovedMoments,
                &[
                    text("a"),
                    text("b"),
                    number(1),
                    text("p"),
                    number(0),
                    number(1),
                    number(1),
                    number(0),
                    number(0),
                    text("t"),
                    text(""),
                ],
            ),
            (
                StoredView::MovedRest,
                &[text("a"), text("b"), number(5), Value::Missing, Value::Missing, number(9)],
            ),
            (StoredView::Popularity, &[text(""), text("mug"), number(20_000)]),
            (
                StoredView::Catalogue,
                &[
                    text("p"),
                    number(0),
                    text("n"),
                    text("c"),
                    number((-3_i64).cast_unsigned()),
                    number(1),
                ],
            ),
            (StoredView::Repeats, &[number(20_000)]),
            (StoredView::Forgets, &[number(u64::MAX), number(1), number(2), number(3), number(4)]),
        ];
        for (view, values) in rows {
            let table = table_of(*view).unwrap();
            let mut counts = Counts([5, -6, 7]);
            counts.0[table.counts.len()..].fill(0);
            let mut stored = StoredRows::new(*view);
            stored.push(values, counts);
            let batch = batch(table, stored);
            assert_eq!(shards(*view, &batch).len(), 1);
            let mut found = Vec::new();
            read(*view, batch).for_each(|values, counts| {
                found.push((values.iter().map(|value| format!("{value:?}")).collect(), counts));
            });
            let expected: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            assert_eq!(found, [(expected, counts)], "{view:?}");
        }
    }

    #[test]
    fn what_a_view_does_not_have_is_missing() {
        let values = [Value::Text("p"), Value::Text("q"), Value::Number(1), Value::Number(0)];
        let mut stored = StoredRows::new(StoredView::Pairs);
        stored.push(&values, Counts([1, 0, 0]));
        let batch = batch(table_of(StoredView::Pairs).unwrap(), stored);
        read(StoredView::Pairs, batch).for_each(|found, _| {
            assert_eq!(found, [&values[..], &[Value::Missing]].concat());
        });
    }

    #[test]
    fn every_view_has_a_table_unless_it_is_in_the_manifest() {
        let without: Vec<StoredView> =
            StoredView::ALL.into_iter().filter(|view| table_of(*view).is_none()).collect();
        assert_eq!(without, [StoredView::Positions, StoredView::Clock, StoredView::Recent]);
    }
}
