//! Rows go into Parquet files and come back.

use super::{PROFILES, TRENDS, added, divided, folder, profiles};
use crate::{
    Batch, Column, Effort, Error, Kind, Reason, Rows, Run, Store, Table, Value, decode, encode,
};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use columns::{ColumnType, Values};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::collection;
use proptest::prelude::{any, proptest};
use std::sync::Arc;

/// A column of each type, and each without a value.
static ALL: Table = Table {
    name: "all",
    columns: &[
        Column::text("text"),
        Column::text("word").optional(),
        Column::texts("list"),
        Column::texts("words"),
        Column::u64("u64").optional(),
        Column::i64("i64").optional(),
        Column::u32("u32").optional(),
        Column::bool("bool").optional(),
    ],
    counts: &["one", "other"],
};

fn all() -> Batch {
    let mut rows = Rows::new(&ALL);
    rows.push(
        &[
            Value::Text("größe"),
            Value::Text("w"),
            Value::Texts(&["b", "a", ""]),
            Value::Texts(&[]),
            Value::U64(u64::MAX),
            Value::I64(i64::MIN),
            Value::U32(u32::MAX),
            Value::Bool(true),
        ],
        &[i64::MIN, i64::MAX],
    );
    let missing = [Value::Missing; 4];
    let values = [Value::Text(""), Value::Missing, Value::Texts(&["a"]), Value::Texts(&["b", "c"])];
    rows.push(&[&values[..], &missing].concat(), &[0, -1]);
    assert_eq!((rows.len(), rows.is_empty()), (2, false));
    rows.into_batch()
}

/// What is read of a file of these batches.
fn read_back(table: &'static Table, effort: Effort, batches: &[Batch]) -> Vec<Batch> {
    let encoded = encode(table, effort, batches).unwrap();
    assert_eq!(encoded.rows, batches.iter().map(|batch| batch.len() as u64).sum::<u64>());
    decode(table, &encoded.bytes).unwrap().map(Result::unwrap).collect()
}

#[test]
fn values_of_all_types_come_back() {
    for effort in [Effort::Fast, Effort::Small] {
        let decoded = read_back(&ALL, effort, &[all()]);
        let [batch] = &decoded[..] else { panic!("{} batches", decoded.len()) };

        assert_eq!((batch.text(0, 0), batch.text(0, 1)), ("größe", ""));
        assert_eq!(batch.text(1, 0), "w");
        let list = |column, row| batch.texts(column, row).collect::<Vec<_>>();
        assert_eq!((list(2, 0), list(2, 1)), (vec!["b", "a", ""], vec!["a"]));
        assert_eq!((list(3, 0), list(3, 1)), (vec![], vec!["b", "c"]));
        let numbers = [4, 5, 6, 7].map(|column| batch.number(column, 0));
        assert_eq!(numbers, [u64::MAX, i64::MIN.cast_unsigned(), u32::MAX.into(), 1]);
        assert_eq!((batch.counts(0), batch.counts(1)), (&[i64::MIN, 0][..], &[i64::MAX, -1][..]));
        let missing = |row| (0..8).map(|column| batch.is_missing(column, row)).collect::<Vec<_>>();
        assert_eq!(missing(0), [false; 8]);
        assert_eq!(missing(1), [false, true, false, false, true, true, true, true]);
    }
}

#[test]
fn each_batch_is_a_row_group_with_the_texts_that_it_needs() {
    let rows = [("ann", "shoes", [1, 0]), ("bob", "hats", [2, 0]), ("cat", "hats", [0, 3])];
    let batches: Vec<Batch> = divided(&profiles(&rows)).into_iter().map(|(_, rows)| rows).collect();
    assert_eq!(batches.len(), 3);
    let read = read_back(&PROFILES, Effort::Fast, &batches);
    assert_eq!(added(&read), added(&batches));
    for batch in read {
        let Values::Text(texts, places) = &batch.column(0).values else { panic!() };
        assert_eq!((texts.len(), &places[..]), (1, &[0][..]));
    }
}

proptest! {
    /// Few and many values, in any order, with runs.
    #[test]
    fn columns_of_any_values_come_back(
        runs in collection::vec((0_u32..40, 0_u64..3, any::<u64>(), 1_usize..40), 0..200),
        wide in any::<bool>(),
    ) {
        static TABLE: Table = Table {
            name: "any",
            columns: &[Column::text("text").optional(), Column::u64("n"), Column::u32("m").optional()],
            counts: &["count"],
        };
        let mut rows = Rows::new(&TABLE);
        for (text, few, many, length) in runs {
            for place in 0..length as u64 {
                let name = format!("t{}", if wide { many.wrapping_add(place) } else { text.into() });
                let value = if few == 0 { Value::Missing } else { Value::Text(&name) };
                let number = if wide { many.wrapping_mul(place) } else { few };
                let other = if text % 7 == 0 { Value::Missing } else { Value::U32(text) };
                rows.push(&[value, Value::U64(number), other], &[few.cast_signed() - 1]);
            }
        }
        let batch = rows.into_batch();
        let read = read_back(&TABLE, Effort::Fast, std::slice::from_ref(&batch));
        let values = |batch: &Batch| -> Vec<_> {
            let text = |row| (!batch.is_missing(0, row)).then(|| batch.text(0, row).to_owned());
            let number = |row| (!batch.is_missing(2, row)).then(|| batch.number(2, row));
            let row = |row| (text(row), batch.number(1, row), number(row), batch.counts(0)[row]);
            (0..batch.len()).map(row).collect()
        };
        assert_eq!(read.iter().flat_map(values).collect::<Vec<_>>(), values(&batch));
    }
}

#[test]
fn many_rows_are_one_row_group() {
    let mut rows = Rows::new(&TRENDS);
    // More than a row group has by default.
    let count = (1 << 20) + 1;
    for product in 0..count {
        rows.push(&[Value::Text(&product.to_string())], &[1]);
    }
    let read = read_back(&TRENDS, Effort::Fast, &[rows.into_batch()]);
    assert_eq!(read.iter().map(Batch::len).collect::<Vec<_>>(), [count]);
}

#[test]
fn what_is_small_is_compressed_and_what_is_fast_where_it_is_no_place() {
    let mut rows = Rows::new(&ALL);
    for number in 0..1000 {
        let text = format!("text {number}");
        let values = [Value::Text(&text), Value::Missing, Value::Texts(&["a"]), Value::Texts(&[])];
        let number = u32::try_from(number).unwrap();
        let numbers = [Value::U64(number.into()), Value::I64(1), Value::U32(1), Value::Bool(true)];
        rows.push(&[values, numbers].concat(), &[1, 2]);
    }
    let batch = rows.into_batch();
    let codecs = |effort| {
        let encoded = encode(&ALL, effort, std::slice::from_ref(&batch)).unwrap();
        let file = SerializedFileReader::new(encoded.bytes).unwrap();
        let columns = file.metadata().row_group(0).columns().iter();
        columns.map(|column| format!("{:?}", column.compression())).collect::<Vec<_>>()
    };
    let zstd = "ZSTD(ZstdLevel(1))";
    assert_eq!(codecs(Effort::Small), [zstd; 10]);
    let not = "UNCOMPRESSED";
    assert_eq!(codecs(Effort::Fast), [not, not, not, not, zstd, not, not, zstd, not, not]);
}

#[test]
fn no_rows_are_a_file_too() {
    assert!(read_back(&PROFILES, Effort::Fast, &[]).is_empty());
    assert!(read_back(&PROFILES, Effort::Fast, &[profiles(&[])]).iter().all(Batch::is_empty));
}

/// What another program wrote may have plain texts, and a text twice.
#[test]
fn plain_columns_are_read() {
    let text =
        |texts: [&'static str; 2]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let columns = vec![text(["ann", "bob"]), text(["hats", "hats"]), counts.clone(), counts];
    let record = RecordBatch::try_new(PROFILES.schema(), columns).unwrap();
    let said = KeyValue::new("checkpoints.table".to_owned(), "profiles".to_owned());
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_key_value_metadata(Some(vec![said]))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), PROFILES.schema(), Some(properties)).unwrap();
    writer.write(&record).unwrap();
    let bytes: Bytes = writer.into_inner().unwrap().into();
    let read: Vec<Batch> = decode(&PROFILES, &bytes).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        added(&read),
        added(&[profiles(&[("ann", "hats", [1, 1]), ("bob", "hats", [2, 2])])])
    );
}

#[test]
fn what_is_no_segment_of_the_table_is_refused() {
    static OTHER: Table =
        Table { name: "profiles", columns: &[Column::text("user")], counts: &["views"] };
    let encoded = super::changes(&[("ann", "shoes", [1, 0])]);
    let refused = |table, bytes: &[u8]| {
        let bytes = Bytes::copy_from_slice(bytes);
        decode(table, &bytes).err().unwrap().to_string()
    };
    assert_eq!(
        refused(&TRENDS, &encoded.bytes),
        "it is foreign: it is of the table profiles, not trends"
    );
    assert_eq!(
        refused(&OTHER, &encoded.bytes),
        "it is foreign: its columns are user Utf8, tag Utf8, views Int64, carts Int64; those of profiles are \
         user Utf8, views Int64"
    );
    for bytes in [&b""[..], b"PAR1", &encoded.bytes[..encoded.bytes.len() / 2], &[7; 4000]] {
        assert!(refused(&PROFILES, bytes).starts_with("it cannot be decoded: "), "{bytes:?}");
    }
    // What another program wrote lacks our footer.
    let plain = ArrowWriter::try_new(Vec::new(), PROFILES.schema(), None);
    let plain = plain.unwrap().into_inner().unwrap();
    let lacks = Reason::Foreign("its footer lacks checkpoints.table".to_owned());
    assert_eq!(decode(&PROFILES, &plain.into()).err(), Some(lacks));
}

#[test]
#[should_panic(expected = "profiles.tag is Text, not U64(7)")]
fn a_value_of_another_type_is_a_bug() {
    Rows::new(&PROFILES).push(&[Value::Text("ann"), Value::U64(7)], &[1, 0]);
}

#[test]
#[should_panic(expected = "profiles.tag is Text, not Missing")]
fn a_missing_value_of_a_column_that_needs_one_is_a_bug() {
    Rows::new(&PROFILES).push(&[Value::Text("ann"), Value::Missing], &[1, 0]);
}

#[test]
fn columns_know_their_type() {
    let kinds: Vec<_> = ALL.columns.iter().map(|column| column.kind).collect();
    use ColumnType::{Bool, I64, Text, Texts, U32, U64};
    assert_eq!(kinds, [Text, Text, Texts, Texts, U64, I64, U32, Bool]);
}

/// Large segments go in parts.
#[tokio::test]
async fn a_large_segment_comes_back() {
    let (_folder, store) = folder();
    let mut rows = Rows::new(&TRENDS);
    // Hardly any of it compresses.
    let mut state = 1_u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state
    };
    for _ in 0..400_000 {
        let product: String = (0..4).map(|_| format!("{:016x}", random())).collect();
        rows.push(&[Value::Text(&product)], &[1]);
    }
    let encoded = encode(&TRENDS, Effort::Fast, &[rows.into_batch()]).unwrap();
    assert!(encoded.bytes.len() > (12 << 20), "{}", encoded.bytes.len());
    let bytes: Bytes = [&*encoded.bytes; 3].concat().into();
    let encoded = crate::Encoded { bytes: bytes.clone(), ..encoded };
    let run = Run::claim(&store).await.unwrap();
    let segment = run.draft().put(&TRENDS, Kind::Changes { writer: 0 }, encoded).await.unwrap();
    assert_eq!(segment.length, bytes.len() as u64);
    let path = object_store::path::Path::parse(&segment.path).unwrap();
    assert_eq!(store.read(&path).await.unwrap(), Some(bytes));
}

/// A manifest must not be on the disk before what it names.
#[test]
fn files_and_their_folders_are_synced() {
    let (_folder, store) = folder();
    let objects = format!("{:?}", store.objects);
    assert!(objects.contains("fsync: true"), "{objects}");
}

#[test]
fn urls_are_folders_or_buckets() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("not/yet/there");
    let url = format!("file://{}", below.display());
    assert_eq!(Store::open(&url).unwrap().url(), url);
    assert!(below.is_dir());
    Store::open(below.to_str().unwrap()).unwrap();
    for url in ["s3://bucket/a/b", "s3://bucket", "gs://bucket/a", "az://container/a"] {
        // Where the environment does not go with it, the error names the URL.
        if let Err(error) = Store::open(url) {
            assert!(error.to_string().starts_with(&format!("{url} is no place")), "{error}");
        }
    }
    let refused = |url: &str| Store::open(url).unwrap_err().to_string();
    assert_eq!(
        refused("ftp://host/a"),
        "ftp://host/a is no place for checkpoints: it is neither a path nor a URL of file://, s3://, gs:// or az://"
    );
    std::fs::write(folder.path().join("file"), "").unwrap();
    let file = folder.path().join("file/below");
    let error = Store::open(file.to_str().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Url { .. }), "{error}");
}
