//! Rows as they are read: a column at a time.

use crate::table::Table;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, BooleanArray, ListArray, RecordBatch, StringArray};

/// Rows of a table.
///
/// Columns are asked for by their place in [`Table::columns`] and by their type.
///
/// # Panics
///
/// All methods that read a column do so if the table has no such column, or one of another type.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub(crate) record: RecordBatch,
    columns: usize,
}

impl Batch {
    /// Of a record batch that has the table's schema.
    pub(crate) fn new(table: &Table, record: RecordBatch) -> Batch {
        Batch { record, columns: table.columns.len() }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.record.num_rows()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a row lacks the value of an optional column.
    pub fn is_missing(&self, column: usize, row: usize) -> bool {
        self.record.column(column).is_null(row)
    }

    /// A column of texts: `.value(row)` is one, `""` where it is missing.
    pub fn text(&self, column: usize) -> &StringArray {
        self.record.column(column).as_string()
    }

    /// A column of lists of texts.
    pub fn texts(&self, column: usize) -> TextLists<'_> {
        let lists: &ListArray = self.record.column(column).as_list();
        TextLists { lists, items: lists.values().as_string() }
    }

    /// A column of unsigned 64-bit integers; whatever is at a row without one means nothing.
    pub fn u64(&self, column: usize) -> &[u64] {
        self.record.column(column).as_primitive::<UInt64Type>().values()
    }

    /// A column of signed 64-bit integers; whatever is at a row without one means nothing.
    pub fn i64(&self, column: usize) -> &[i64] {
        self.record.column(column).as_primitive::<Int64Type>().values()
    }

    /// A column of unsigned 32-bit integers; whatever is at a row without one means nothing.
    pub fn u32(&self, column: usize) -> &[u32] {
        self.record.column(column).as_primitive::<UInt32Type>().values()
    }

    /// A column of truth values: `.value(row)` is one.
    pub fn bool(&self, column: usize) -> &BooleanArray {
        self.record.column(column).as_boolean()
    }

    /// The counts with this place in [`Table::counts`].
    pub fn counts(&self, count: usize) -> &[i64] {
        self.i64(self.columns + count)
    }
}

/// A column of lists of texts.
#[derive(Clone, Copy, Debug)]
pub struct TextLists<'a> {
    lists: &'a ListArray,
    items: &'a StringArray,
}

impl<'a> TextLists<'a> {
    /// The texts of a row, none where the list is missing.
    pub fn of(self, row: usize) -> impl ExactSizeIterator<Item = &'a str> {
        // Offsets lie within the items, which Arrow checks when it makes a list.
        let offsets = &self.lists.value_offsets()[row..row + 2];
        let [from, to] = [offsets[0], offsets[1]].map(|at| usize::try_from(at).unwrap_or(0));
        (from..to).map(move |at| self.items.value(at))
    }
}
