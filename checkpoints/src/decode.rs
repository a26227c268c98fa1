//! Reading segments, as they were written or as any other program wrote them.

use crate::batch::Batch;
use crate::encode::TABLE;
use crate::error::Reason;
use crate::table::{Column, Table};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, ListArray, RecordBatch};
use arrow_schema::{DataType, Field, Fields, Schema};
use bytes::Bytes;
use columns::{ColumnType, ColumnValues, Lists, MISSING, Texts, Values};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ParquetMetaData;
use std::collections::HashMap;
use std::sync::Arc;

/// Decodes the rows of a segment, a row group at a time. The bytes must be those that were written: whoever fetched
/// them has compared the checksum.
///
/// # Errors
///
/// The reason why this is no segment of the table.
pub fn decode(
    table: &'static Table,
    bytes: &Bytes,
) -> Result<impl Iterator<Item = Result<Batch, Reason>> + use<>, Reason> {
    let found =
        ArrowReaderMetadata::load(bytes, ArrowReaderOptions::default()).map_err(undecodable)?;
    check(table, &found)?;
    // Texts are read as the places that they were written as.
    let options = ArrowReaderOptions::new().with_schema(Arc::new(with_places(table)));
    let metadata = ArrowReaderMetadata::try_new(found.metadata().clone(), options);
    let metadata = metadata.map_err(undecodable)?;
    let bytes = bytes.clone();
    let groups = 0..metadata.metadata().num_row_groups();
    Ok(groups.flat_map(move |group| match group_of(table, &bytes, &metadata, group) {
        Ok(batches) => batches.into_iter().map(Ok).collect(),
        Err(reason) => vec![Err(reason)],
    }))
}

fn group_of(
    table: &Table,
    bytes: &Bytes,
    metadata: &ArrowReaderMetadata,
    group: usize,
) -> Result<Vec<Batch>, Reason> {
    let rows = metadata.metadata().row_group(group).num_rows();
    let reader =
        ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata.clone())
            .with_row_groups(vec![group])
            .with_batch_size(usize::try_from(rows).map_err(undecodable)?.max(1))
            .build()
            .map_err(undecodable)?;
    reader.map(|record| batch(table, &record.map_err(undecodable)?)).collect()
}

/// The number of rows, by the footer alone, which refuses what is no segment of a table.
pub(crate) fn rows(table: &Table, bytes: &Bytes) -> Result<u64, Reason> {
    let metadata = ArrowReaderMetadata::load(bytes, ArrowReaderOptions::default());
    let metadata = metadata.map_err(undecodable)?;
    check(table, &metadata)?;
    u64::try_from(metadata.metadata().file_metadata().num_rows()).map_err(undecodable)
}

pub(crate) fn undecodable(error: impl ToString) -> Reason {
    Reason::Undecodable(error.to_string())
}

fn said<'a>(metadata: &'a ParquetMetaData, key: &str) -> Result<&'a str, Reason> {
    let said = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let value = said.filter(|pair| pair.key == key).find_map(|pair| pair.value.as_deref());
    value.ok_or_else(|| Reason::Foreign(format!("its footer lacks {key}")))
}

fn check(table: &Table, metadata: &ArrowReaderMetadata) -> Result<(), Reason> {
    let name = said(metadata.metadata(), TABLE)?;
    if name != table.name {
        return Err(Reason::Foreign(format!("it is of the table {name}, not {}", table.name)));
    }
    let (found, known) = (columns(metadata.schema().fields()), columns(table.schema().fields()));
    if found == known {
        return Ok(());
    }
    Err(Reason::Foreign(format!("its columns are {found}; those of {name} are {known}")))
}

fn columns(fields: &Fields) -> String {
    let column = |field: &Field| {
        let missing = if field.is_nullable() { "?" } else { "" };
        format!("{} {}{missing}", field.name(), field.data_type())
    };
    fields.iter().map(|field| column(field)).collect::<Vec<_>>().join(", ")
}

fn with_places(table: &Table) -> Schema {
    let schema = table.schema();
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => place(field),
        DataType::List(item) => {
            let list = DataType::List(place(item).into());
            field.as_ref().clone().with_data_type(list)
        }
        _ => field.as_ref().clone(),
    });
    Schema::new(fields.collect::<Vec<_>>())
}

fn place(field: &Field) -> Field {
    let places = DataType::Dictionary(DataType::UInt32.into(), DataType::Utf8.into());
    field.clone().with_data_type(places)
}

fn batch(table: &Table, record: &RecordBatch) -> Result<Batch, Reason> {
    let mut columns = Vec::new();
    for (column, array) in table.columns.iter().zip(record.columns()) {
        let values = values(column, array)?;
        let missing = match array.null_count() {
            0 => Vec::new(),
            _ => (0..array.len()).map(|row| array.is_null(row)).collect(),
        };
        columns.push(ColumnValues { values, missing });
    }
    let counts = record.columns()[table.columns.len()..].iter();
    let counts = counts.map(|array| array.as_primitive::<Int64Type>().values().to_vec());
    Ok(Batch::new(table, columns, counts.collect()))
}

fn values(column: &Column, array: &ArrayRef) -> Result<Values, Reason> {
    Ok(match column.kind {
        ColumnType::Text => {
            let (texts, places) = texts(array)?;
            Values::Text(Arc::new(texts), places)
        }
        ColumnType::Texts => lists(array.as_list())?,
        ColumnType::U64 => Values::U64(array.as_primitive::<UInt64Type>().values().to_vec()),
        ColumnType::I64 => Values::I64(array.as_primitive::<Int64Type>().values().to_vec()),
        ColumnType::U32 => Values::U32(array.as_primitive::<UInt32Type>().values().to_vec()),
        ColumnType::Bool => Values::Bool(array.as_boolean().values().iter().collect()),
    })
}

fn texts(array: &ArrayRef) -> Result<(Texts, Vec<u32>), Reason> {
    let array: &DictionaryArray<UInt32Type> = array.as_dictionary();
    let mut texts = Texts::default();
    // Another writer may have had a text twice.
    array.values().as_string::<i32>().iter().for_each(|text| {
        texts.push(text.unwrap_or_default());
    });
    let keys = array.keys();
    let places = match keys.null_count() {
        0 => keys.values().to_vec(),
        _ => keys.iter().map(|place| place.unwrap_or(MISSING)).collect(),
    };
    Ok((texts, places))
}

fn lists(array: &ListArray) -> Result<Values, Reason> {
    let (texts, items) = texts(array.values())?;
    let mut lists = Lists::of(texts);
    let mut known: HashMap<&[u32], u32> = HashMap::new();
    let mut places = Vec::with_capacity(array.len());
    for ends in array.value_offsets().windows(2) {
        let [from, to] = [ends[0], ends[1]].map(|end| usize::try_from(end).map_err(undecodable));
        let list =
            items.get(from?..to?).ok_or_else(|| undecodable("a list ends before it begins"))?;
        places.push(*known.entry(list).or_insert_with(|| lists.push(list.iter().copied())));
    }
    Ok(Values::Texts(Arc::new(lists), places))
}
