//! Adding up: rows with equal columns become one, and what sums to zero vanishes.

use crate::batch::Batch;
use crate::error::{Error, Reason};
use crate::segment::decode;
use crate::shard::Shard;
use crate::table::Table;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_row::{RowConverter, SortField};
use arrow_schema::ArrowError;
use bytes::Bytes;
use std::sync::Arc;

/// The sum of batches of one table, in the order of its columns, each row once. Counts wrap around, as those of the
/// dataflow do, so that the order of additions does not matter.
///
/// # Errors
///
/// What Arrow says, such as of a batch of another table.
pub fn sum(table: &'static Table, batches: &[Batch]) -> Result<Batch, Error> {
    add_up(table, batches)
        .map_err(|source| Error::Rows { table: table.name, source: Box::new(source) })
}

/// What one shard of segments adds up to: of a base and the changes since, the next base.
///
/// # Errors
///
/// The reason why one of them is no segment of the table, or what Arrow says.
pub fn sum_of_shard(
    table: &'static Table,
    segments: &[Bytes],
    shard: Shard,
) -> Result<Batch, Error> {
    let batches: Result<Vec<_>, Reason> =
        segments.iter().map(|bytes| decode(table, bytes, Some(shard))).collect();
    let batches = batches
        .map_err(|reason| Error::Rows { table: table.name, source: Box::new(reason) })?
        .concat();
    sum(table, &batches)
}

fn add_up(table: &Table, batches: &[Batch]) -> Result<Batch, ArrowError> {
    let columns = table.columns.len();
    let schema = table.schema();
    let fields = schema.fields()[..columns].iter();
    let converter =
        RowConverter::new(fields.map(|field| SortField::new(field.data_type().clone())).collect())?;
    // The columns of each row as bytes that compare as these do.
    let mut keys = converter.empty_rows(batches.iter().map(Batch::len).sum(), 0);
    for batch in batches {
        converter.append(&mut keys, &batch.record.columns()[..columns])?;
    }
    let column = |count| batches.iter().flat_map(|batch| batch.counts(count)).copied().collect();
    let counts: Vec<Vec<i64>> = (0..table.counts.len()).map(column).collect();

    let mut order: Vec<usize> = (0..keys.num_rows()).collect();
    order.sort_unstable_by(|&a, &b| keys.row(a).cmp(&keys.row(b)));
    let mut kept = Vec::new();
    let mut summed = vec![Vec::new(); counts.len()];
    for equal in order.chunk_by(|&a, &b| keys.row(a) == keys.row(b)) {
        let sum =
            |counts: &Vec<i64>| equal.iter().fold(0, |sum: i64, &at| sum.wrapping_add(counts[at]));
        if counts.iter().any(|counts| sum(counts) != 0) {
            kept.push(keys.row(equal[0]));
            summed.iter_mut().zip(&counts).for_each(|(column, counts)| column.push(sum(counts)));
        }
    }
    let columns = converter.convert_rows(kept)?.into_iter();
    let summed = summed.into_iter().map(|column| Arc::new(Int64Array::from(column)) as ArrayRef);
    Ok(Batch::new(table, RecordBatch::try_new(schema, columns.chain(summed).collect())?))
}
