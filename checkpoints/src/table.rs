//! Tables, described once for writing, reading and adding up.

use arrow_schema::{DataType, Field, Schema};
use columns::ColumnType;
use std::sync::Arc;

/// A table of differences: rows with equal columns are one row, and their counts add up.
#[derive(Debug)]
pub struct Table {
    /// Its name, which is a part of paths.
    pub name: &'static str,
    /// What tells rows apart, at least one column.
    pub columns: &'static [Column],
    /// The names of the counts, at least one, each a 64-bit integer.
    pub counts: &'static [&'static str],
}

/// A column that tells rows apart.
#[derive(Debug)]
pub struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: ColumnType,
    pub(crate) is_optional: bool,
}

impl Column {
    /// A column of texts.
    pub const fn text(name: &'static str) -> Column {
        Column::new(name, ColumnType::Text)
    }

    /// A column of lists of texts.
    pub const fn texts(name: &'static str) -> Column {
        Column::new(name, ColumnType::Texts)
    }

    /// A column of unsigned 64-bit integers.
    pub const fn u64(name: &'static str) -> Column {
        Column::new(name, ColumnType::U64)
    }

    /// A column of signed 64-bit integers.
    pub const fn i64(name: &'static str) -> Column {
        Column::new(name, ColumnType::I64)
    }

    /// A column of unsigned 32-bit integers.
    pub const fn u32(name: &'static str) -> Column {
        Column::new(name, ColumnType::U32)
    }

    /// A column of truth values.
    pub const fn bool(name: &'static str) -> Column {
        Column::new(name, ColumnType::Bool)
    }

    const fn new(name: &'static str, kind: ColumnType) -> Column {
        Column { name, kind, is_optional: false }
    }

    /// The same, where a row may lack the value. A list may be empty instead.
    ///
    /// # Panics
    ///
    /// If it is a column of lists.
    #[must_use]
    pub const fn optional(mut self) -> Column {
        assert!(!matches!(self.kind, ColumnType::Texts), "a list may be empty, not missing");
        self.is_optional = true;
        self
    }

    /// The type of its values.
    pub fn kind(&self) -> ColumnType {
        self.kind
    }

    fn field(&self) -> Field {
        let kind = match self.kind {
            ColumnType::Text => DataType::Utf8,
            ColumnType::Texts => DataType::List(item().into()),
            ColumnType::U64 => DataType::UInt64,
            ColumnType::I64 => DataType::Int64,
            ColumnType::U32 => DataType::UInt32,
            ColumnType::Bool => DataType::Boolean,
        };
        Field::new(self.name, kind, self.is_optional)
    }
}

impl Table {
    /// The columns and then the counts, as Arrow knows them.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        let columns = self.columns.iter().map(Column::field);
        let counts = self.counts.iter().map(|&name| Field::new(name, DataType::Int64, false));
        Arc::new(Schema::new(columns.chain(counts).collect::<Vec<_>>()))
    }
}

/// What the lists of a column of texts hold.
pub(crate) fn item() -> Field {
    Field::new("item", DataType::Utf8, false)
}
