//! Building rows, by shard, a column at a time.

use crate::batch::Batch;
use crate::shard::Shard;
use crate::table::{Column, ColumnType, Table, item};
use arrow_array::builder::{
    BooleanBuilder, Int64Builder, ListBuilder, StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use std::sync::Arc;

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
    shards: [Option<Box<ShardRows>>; Shard::COUNT],
    len: usize,
}

impl Rows {
    /// No rows of a table.
    pub fn new(table: &'static Table) -> Rows {
        Rows { table, shards: std::array::from_fn(|_| None), len: 0 }
    }

    /// Adds a row, with a value for each column and each count. Equal rows may come any number of times.
    ///
    /// # Panics
    ///
    /// If the values do not fit the table, or a shard has more than 2 GiB of text in a column.
    pub fn push(&mut self, shard: Shard, values: &[Value<'_>], counts: &[i64]) {
        let rows = self.shards[shard.index()].get_or_insert_with(|| ShardRows::new(self.table));
        assert_eq!(values.len(), rows.columns.len(), "columns of {}", self.table.name);
        assert_eq!(counts.len(), rows.counts.len(), "counts of {}", self.table.name);
        for ((builder, column), value) in
            rows.columns.iter_mut().zip(self.table.columns).zip(values)
        {
            builder.push(self.table, column, *value);
        }
        for (builder, count) in rows.counts.iter_mut().zip(counts) {
            builder.append_value(*count);
        }
        self.len += 1;
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rows of each shard that has any, in the order of shards.
    pub fn into_shards(self) -> Vec<(Shard, Batch)> {
        let shards = Shard::all().zip(self.shards);
        shards.filter_map(|(shard, rows)| Some((shard, rows?.finish(self.table)))).collect()
    }
}

#[derive(Debug)]
struct ShardRows {
    columns: Vec<Builder>,
    counts: Vec<Int64Builder>,
}

impl ShardRows {
    fn new(table: &Table) -> Box<ShardRows> {
        let columns = table.columns.iter().map(Builder::new).collect();
        let counts = table.counts.iter().map(|_| Int64Builder::with_capacity(0)).collect();
        Box::new(ShardRows { columns, counts })
    }

    fn finish(self, table: &Table) -> Batch {
        let columns = self.columns.into_iter().map(Builder::finish);
        let counts =
            self.counts.into_iter().map(|mut counts| Arc::new(counts.finish()) as ArrayRef);
        let record = RecordBatch::try_new(table.schema(), columns.chain(counts).collect());
        Batch::new(table, record.expect("each push adds a value that fits to each column"))
    }
}

#[derive(Debug)]
enum Builder {
    Text(StringBuilder),
    Texts(ListBuilder<StringBuilder>),
    U64(UInt64Builder),
    I64(Int64Builder),
    U32(UInt32Builder),
    Bool(BooleanBuilder),
}

impl Builder {
    /// Without room at first: there may be one for each shard.
    fn new(column: &Column) -> Builder {
        let text = || StringBuilder::with_capacity(0, 0);
        match column.kind {
            ColumnType::Text => Builder::Text(text()),
            ColumnType::Texts => {
                Builder::Texts(ListBuilder::with_capacity(text(), 0).with_field(item()))
            }
            ColumnType::U64 => Builder::U64(UInt64Builder::with_capacity(0)),
            ColumnType::I64 => Builder::I64(Int64Builder::with_capacity(0)),
            ColumnType::U32 => Builder::U32(UInt32Builder::with_capacity(0)),
            ColumnType::Bool => Builder::Bool(BooleanBuilder::with_capacity(0)),
        }
    }

    fn push(&mut self, table: &Table, column: &Column, value: Value<'_>) {
        match (self, value) {
            (Builder::Text(builder), Value::Text(value)) => builder.append_value(value),
            (Builder::Texts(builder), Value::Texts(value)) => {
                builder.append_value(value.iter().map(Some));
            }
            (Builder::U64(builder), Value::U64(value)) => builder.append_value(value),
            (Builder::I64(builder), Value::I64(value)) => builder.append_value(value),
            (Builder::U32(builder), Value::U32(value)) => builder.append_value(value),
            (Builder::Bool(builder), Value::Bool(value)) => builder.append_value(value),
            (builder, Value::Missing) if column.is_optional => builder.push_missing(),
            (_, value) => {
                panic!("{}.{} is {:?}, not {value:?}", table.name, column.name, column.kind)
            }
        }
    }

    fn push_missing(&mut self) {
        match self {
            Builder::Text(builder) => builder.append_null(),
            Builder::Texts(builder) => builder.append_null(),
            Builder::U64(builder) => builder.append_null(),
            Builder::I64(builder) => builder.append_null(),
            Builder::U32(builder) => builder.append_null(),
            Builder::Bool(builder) => builder.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Builder::Text(mut builder) => Arc::new(builder.finish()),
            Builder::Texts(mut builder) => Arc::new(builder.finish()),
            Builder::U64(mut builder) => Arc::new(builder.finish()),
            Builder::I64(mut builder) => Arc::new(builder.finish()),
            Builder::U32(mut builder) => Arc::new(builder.finish()),
            Builder::Bool(mut builder) => Arc::new(builder.finish()),
        }
    }
}
