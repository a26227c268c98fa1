//! Whether a text is anywhere in a store: in any object, whoever needs it.

use crate::decode::undecodable;
use crate::error::{Error, Reason, Refusal};
use crate::leftovers;
use crate::names::{MANIFESTS, SEGMENTS};
use crate::store::Store;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Where the text is.
    pub found: Vec<Found>,
    /// Objects that may have it, for they cannot be read.
    pub unread: Vec<Refusal>,
    /// How many objects were read.
    pub objects: usize,
}

impl Search {
    /// Whether the text is nowhere, and everything was read.
    pub fn is_absent(&self) -> bool {
        self.found.is_empty() && self.unread.is_empty()
    }
}

/// A column or a manifest that has a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The path of the object below the store's URL.
    pub object: String,
    /// The column, `None` in a manifest.
    pub column: Option<String>,
    /// In how many values the text is.
    pub times: usize,
}

/// Searches all text columns of all segments, also of those that no manifest names, and all texts of manifests, for
/// one text.
///
/// # Errors
///
/// The store does not answer.
pub async fn contains(store: &Store, text: &str) -> Result<Search, Error> {
    let mut search = Search::default();
    for path in leftovers::list(store).await? {
        let half_written = Reason::Foreign("it is half-written".to_owned());
        search.unread.push(Refusal::new(path, half_written));
    }
    for folder in [MANIFESTS, SEGMENTS] {
        for object in store.list(folder).await? {
            // One that is gone has nothing.
            let Some(bytes) = store.read(&object.location).await? else { continue };
            let wanted = text.to_owned();
            let count = move || match folder {
                MANIFESTS => in_manifest(&bytes, &wanted),
                _ => in_segment(bytes, &wanted),
            };
            let counted = tokio::task::spawn_blocking(count).await;
            let counted = counted.unwrap_or_else(|error| Err(undecodable(error)));
            let object = object.location.to_string();
            search.objects += 1;
            match counted {
                Ok(counts) => {
                    search.found.extend(counts.into_iter().map(|(column, times)| Found {
                        object: object.clone(),
                        column,
                        times,
                    }))
                }
                Err(reason) => search.unread.push(Refusal { object, reason }),
            }
        }
    }
    Ok(search)
}

/// By column, in how many values a text is.
type Times = BTreeMap<Option<String>, usize>;

fn in_manifest(bytes: &[u8], wanted: &str) -> Result<Times, Reason> {
    fn times(value: &Value, wanted: &str) -> usize {
        match value {
            Value::String(text) => usize::from(text == wanted),
            Value::Array(values) => values.iter().map(|value| times(value, wanted)).sum(),
            Value::Object(fields) => {
                let times = |(key, value)| usize::from(key == wanted) + times(value, wanted);
                fields.iter().map(times).sum()
            }
            _ => 0,
        }
    }
    let manifest = serde_json::from_slice(bytes);
    let manifest = manifest.map_err(|error| Reason::Syntax(error.to_string()))?;
    let times = times(&manifest, wanted);
    Ok(if times == 0 { Times::new() } else { [(None, times)].into() })
}

fn in_segment(bytes: Bytes, wanted: &str) -> Result<Times, Reason> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(undecodable)?;
    let mut counts = Times::new();
    for record in reader.build().map_err(undecodable)? {
        let record: RecordBatch = record.map_err(undecodable)?;
        for (field, column) in record.schema().fields().iter().zip(record.columns()) {
            let times = in_column(column, wanted);
            if times > 0 {
                *counts.entry(Some(field.name().clone())).or_default() += times;
            }
        }
    }
    Ok(counts)
}

fn in_column(column: &ArrayRef, wanted: &str) -> usize {
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            texts.iter().filter(|text| *text == Some(wanted)).count()
        }
        // The items of a batch's lists are all within these.
        DataType::List(_) => in_column(column.as_list::<i32>().values(), wanted),
        _ => 0,
    }
}
