//! Rows in memory: a column at a time, and of texts only the places.

use crate::shard::Shard;
use crate::table::Table;
use columns::{ColumnValues, Values, values_of};

/// Rows of a table. Columns are asked for by their place in [`Table::columns`].
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    len: usize,
    pub(crate) columns: Vec<ColumnValues>,
    pub(crate) counts: Vec<Vec<i64>>,
}

impl Batch {
    /// The rows that have these values and counts.
    ///
    /// # Panics
    ///
    /// If these are not the columns and counts of the table, each of the same length.
    pub fn new(table: &Table, columns: Vec<ColumnValues>, counts: Vec<Vec<i64>>) -> Batch {
        let len = counts.first().map_or(0, Vec::len);
        assert_eq!(columns.len(), table.columns.len(), "columns of {}", table.name);
        assert_eq!(counts.len(), table.counts.len(), "counts of {}", table.name);
        for (column, of) in columns.iter().zip(table.columns) {
            let (kind, found) = (column.values.kind(), column.values.len());
            assert_eq!((kind, found), (of.kind, len), "{}.{}", table.name, of.name);
            let missing = column.missing.len();
            assert!(
                missing == 0 || (missing == len && of.is_optional),
                "{}.{}",
                table.name,
                of.name
            );
        }
        assert!(counts.iter().all(|counts| counts.len() == len), "counts of {}", table.name);
        Batch { len, columns, counts }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values of all columns.
    pub fn columns(&self) -> &[ColumnValues] {
        &self.columns
    }

    /// The values of a column.
    pub fn column(&self, column: usize) -> &ColumnValues {
        &self.columns[column]
    }

    /// The counts with this place in [`Table::counts`].
    pub fn counts(&self, count: usize) -> &[i64] {
        &self.counts[count]
    }

    /// The columns, and the counts.
    pub fn into_parts(self) -> (Vec<ColumnValues>, Vec<Vec<i64>>) {
        (self.columns, self.counts)
    }

    /// Whether a row lacks the value of an optional column.
    pub fn is_missing(&self, column: usize, row: usize) -> bool {
        self.columns[column].is_missing(row)
    }

    /// The text of a row.
    ///
    /// # Panics
    ///
    /// If it is missing, or this is no column of texts.
    pub fn text(&self, column: usize, row: usize) -> &str {
        match &self.columns[column].values {
            Values::Text(texts, places) => texts.get(places[row]),
            values => panic!("a column of {:?}, not of texts", values.kind()),
        }
    }

    /// The texts of a row's list.
    ///
    /// # Panics
    ///
    /// If this is no column of lists.
    pub fn texts(&self, column: usize, row: usize) -> impl ExactSizeIterator<Item = &str> {
        match &self.columns[column].values {
            Values::Texts(lists, places) => lists.texts_of(places[row]),
            values => panic!("a column of {:?}, not of lists", values.kind()),
        }
    }

    /// The bits of a row's number or truth value.
    pub fn number(&self, column: usize, row: usize) -> u64 {
        self.columns[column].values.bits(row)
    }

    /// Some of the rows, in the order in which they are named. The texts are shared.
    #[must_use]
    pub fn of(&self, rows: &[u32]) -> Batch {
        let columns = self.columns.iter().map(|column| column.of(rows)).collect();
        let counts = self.counts.iter().map(|counts| values_of(counts, rows)).collect();
        Batch { len: rows.len(), columns, counts }
    }

    fn compact(mut self) -> Batch {
        self.columns = self.columns.into_iter().map(ColumnValues::compact).collect();
        self
    }

    /// Those of the rows for which `is_kept` holds.
    #[must_use]
    pub fn filtered(self, is_kept: impl Fn(usize) -> bool) -> Batch {
        let kept: Vec<u32> = self.rows().filter(|row| is_kept(*row as usize)).collect();
        if kept.len() == self.len { self } else { self.of(&kept) }
    }

    /// The rows of each shard that is wanted, by the shard of each row, with no other texts than theirs.
    pub fn divided(
        &self,
        shard: impl Fn(usize) -> Shard,
        is_wanted: impl Fn(Shard) -> bool,
    ) -> Vec<(Shard, Batch)> {
        let mut rows = vec![Vec::new(); Shard::COUNT];
        for row in self.rows() {
            let shard = shard(row as usize);
            if is_wanted(shard) {
                rows[shard.index()].push(row);
            }
        }
        let shards = Shard::all().zip(&rows).filter(|(_, rows)| !rows.is_empty());
        shards.map(|(shard, rows)| (shard, self.of(rows).compact())).collect()
    }

    fn rows(&self) -> impl Iterator<Item = u32> {
        (0..).take(self.len)
    }
}
