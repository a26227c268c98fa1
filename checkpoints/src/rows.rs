//! Building rows one by one.

use crate::batch::Batch;
use crate::table::Table;
use columns::{ColumnType, ColumnValues};
use std::collections::HashMap;

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A list of texts.
    Texts(&'a [&'a str]),
    /// An unsigned 64-bit integer.
    U64(u64),
    /// A signed 64-bit integer.
    I64(i64),
    /// An unsigned 32-bit integer.
    U32(u32),
    /// True or false.
    Bool(bool),
    /// None, in an optional column.
    Missing,
}

/// Rows of a table under construction.
#[derive(Debug)]
pub struct Rows {
    table: &'static Table,
    columns: Vec<Builder>,
    counts: Vec<Vec<i64>>,
}

impl Rows {
    /// No rows of a table.
    pub fn new(table: &'static Table) -> Rows {
        let columns = table
            .columns
            .iter()
            .map(|column| {
                let column = ColumnValues::new(column.kind);
                Builder { column, places: HashMap::new() }
            })
            .collect();
        Rows { table, columns, counts: vec![Vec::new(); table.counts.len()] }
    }

    /// Adds a row, with a value for each column and each count. Equal rows may come any number of times.
    ///
    /// # Panics
    ///
    /// If the values do not fit the table.
    pub fn push(&mut self, values: &[Value<'_>], counts: &[i64]) {
        let table = self.table;
        assert_eq!(values.len(), table.columns.len(), "columns of {}", table.name);
        assert_eq!(counts.len(), table.counts.len(), "counts of {}", table.name);
        for ((builder, column), value) in self.columns.iter_mut().zip(table.columns).zip(values) {
            let fits = builder.push(column.is_optional, *value);
            let (name, kind) = (column.name, column.kind);
            assert!(fits, "{}.{name} is {kind:?}, not {value:?}", table.name);
        }
        self.counts.iter_mut().zip(counts).for_each(|(column, count)| column.push(*count));
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.counts.first().map_or(0, Vec::len)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows.
    pub fn into_batch(self) -> Batch {
        let columns = self.columns.into_iter().map(|builder| builder.column).collect();
        Batch::new(self.table, columns, self.counts)
    }
}

#[derive(Debug)]
struct Builder {
    column: ColumnValues,
    /// The places of texts, each of which is there once.
    places: HashMap<String, u32>,
}

impl Builder {
    fn place(&mut self, text: &str) -> u32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.column.text(text);
        self.places.insert(text.to_owned(), place);
        place
    }

    /// Adds the value of a row. False, if it does not fit.
    fn push(&mut self, is_optional: bool, value: Value<'_>) -> bool {
        let bits = match (self.column.values.kind(), value) {
            (ColumnType::Text, Value::Text(text)) => self.place(text).into(),
            (ColumnType::Texts, Value::Texts(texts)) => {
                self.column.list(texts.iter().copied()).into()
            }
            (ColumnType::U64, Value::U64(value)) => value,
            (ColumnType::I64, Value::I64(value)) => value.cast_unsigned(),
            (ColumnType::U32, Value::U32(value)) => value.into(),
            (ColumnType::Bool, Value::Bool(value)) => value.into(),
            (_, Value::Missing) if is_optional => {
                self.column.push_missing();
                return true;
            }
            _ => return false,
        };
        self.column.push(bits);
        true
    }
}
