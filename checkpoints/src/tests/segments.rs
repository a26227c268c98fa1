//! Rows go into Parquet files and come back.

use super::{PROFILES, TRENDS, added, folder, profiles, shard};
use crate::{
    Column, ColumnType, Error, Kind, Reason, Rows, Run, Shard, Store, Table, Value, decode, encode,
};
use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// A column of each type, and each without a value.
static ALL: Table = Table {
    name: "all",
    columns: &[
        Column::text("text"),
        Column::text("word").with_dictionary().optional(),
        Column::texts("list"),
        Column::texts("words").with_dictionary().optional(),
        Column::u64("u64").optional(),
        Column::i64("i64").optional(),
        Column::u32("u32").optional(),
        Column::bool("bool").optional(),
    ],
    counts: &["one", "other"],
};

fn all() -> Rows {
    let mut rows = Rows::new(&ALL);
    rows.push(
        Shard::of(1),
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
    let missing = [Value::Missing; 5];
    let values = [Value::Text(""), Value::Missing, Value::Texts(&["a"])];
    rows.push(Shard::of(1), &[&values[..], &missing].concat(), &[0, -1]);
    rows
}

#[test]
fn values_of_all_types_come_back() {
    let rows = all();
    assert_eq!((rows.len(), rows.is_empty()), (2, false));
    let shards = rows.into_shards();
    let encoded = encode(&ALL, &shards).unwrap();
    assert_eq!(encoded.rows, 2);
    let decoded = decode(&ALL, &encoded.bytes, Some(Shard::of(1))).unwrap();
    let [batch] = &decoded[..] else { panic!("{} batches", decoded.len()) };
    assert_eq!(batch, &shards[0].1);

    assert_eq!((batch.text(0).value(0), batch.text(0).value(1)), ("größe", ""));
    assert_eq!(batch.text(1).value(0), "w");
    assert_eq!(batch.texts(2).of(0).collect::<Vec<_>>(), ["b", "a", ""]);
    assert_eq!(batch.texts(2).of(1).collect::<Vec<_>>(), ["a"]);
    assert_eq!(batch.texts(3).of(0).len(), 0);
    assert_eq!(batch.u64(4)[0], u64::MAX);
    assert_eq!(batch.i64(5)[0], i64::MIN);
    assert_eq!(batch.u32(6)[0], u32::MAX);
    assert!(batch.bool(7).value(0));
    assert_eq!((batch.counts(0), batch.counts(1)), (&[i64::MIN, 0][..], &[i64::MAX, -1][..]));
    let missing = |row| (0..8).map(|column| batch.is_missing(column, row)).collect::<Vec<_>>();
    assert_eq!(missing(0), [false; 8]);
    assert_eq!(missing(1), [false, true, false, true, true, true, true, true]);
}

#[test]
fn a_shard_is_a_row_group_and_is_read_alone() {
    let rows = [("ann", "shoes", [1, 0]), ("bob", "hats", [2, 0]), ("cat", "hats", [0, 3])];
    assert_eq!(["ann", "bob", "cat"].map(|user| shard(user).index()), [58, 14, 47]);
    let encoded = encode(&PROFILES, &profiles(&rows).into_shards()).unwrap();
    let file = SerializedFileReader::new(encoded.bytes.clone()).unwrap();
    assert_eq!(file.metadata().num_row_groups(), 3);
    for (user, ..) in rows {
        let read = added(&decode(&PROFILES, &encoded.bytes, Some(shard(user))).unwrap());
        assert_eq!(read.into_keys().map(|(user, _)| user).collect::<Vec<_>>(), [user]);
    }
    assert!(decode(&PROFILES, &encoded.bytes, Some(Shard::of(63))).unwrap().is_empty());
    assert_eq!(added(&decode(&PROFILES, &encoded.bytes, None).unwrap()).len(), 3);
}

#[test]
fn a_shard_of_any_size_is_one_row_group() {
    let mut rows = Rows::new(&TRENDS);
    // More than a row group has by default, and than a batch.
    let count = (1 << 20) + 1;
    for product in 0..count {
        rows.push(Shard::of(0), &[Value::Text(&product.to_string())], &[1]);
    }
    let encoded = encode(&TRENDS, &rows.into_shards()).unwrap();
    let file = SerializedFileReader::new(encoded.bytes.clone()).unwrap();
    assert_eq!(file.metadata().num_row_groups(), 1);
    let batches = decode(&TRENDS, &encoded.bytes, None).unwrap();
    assert!(batches.len() > 1);
    assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), count);
}

#[test]
fn only_columns_that_say_so_have_a_dictionary_and_all_are_zstd() {
    let encoded = encode(&ALL, &all().into_shards()).unwrap();
    let file = SerializedFileReader::new(encoded.bytes).unwrap();
    let columns = file.metadata().row_group(0).columns();
    let with: Vec<_> = columns
        .iter()
        .filter(|column| column.dictionary_page_offset().is_some())
        .map(|column| column.column_path().string())
        .collect();
    assert_eq!(with, ["word", "words.list.item"]);
    let codecs = columns.iter().map(|column| format!("{:?}", column.compression()));
    assert!(codecs.into_iter().all(|codec| codec == "ZSTD(ZstdLevel(1))"));
}

#[test]
fn no_rows_are_a_file_too() {
    let encoded = encode(&PROFILES, &Rows::new(&PROFILES).into_shards()).unwrap();
    assert_eq!(encoded.rows, 0);
    assert!(decode(&PROFILES, &encoded.bytes, None).unwrap().is_empty());
}

#[test]
fn what_is_no_segment_of_the_table_is_refused() {
    static OTHER: Table =
        Table { name: "profiles", columns: &[Column::text("user")], counts: &["views"] };
    let encoded = encode(&PROFILES, &profiles(&[("ann", "shoes", [1, 0])]).into_shards()).unwrap();
    let refused = |table, bytes: &[u8]| {
        let bytes = Bytes::copy_from_slice(bytes);
        decode(table, &bytes, None).unwrap_err().to_string()
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
    let plain = parquet::arrow::ArrowWriter::try_new(Vec::new(), PROFILES.schema(), None);
    let plain = plain.unwrap().into_inner().unwrap();
    let lacks = Reason::Foreign("its footer lacks checkpoints.table".to_owned());
    assert_eq!(decode(&PROFILES, &plain.into(), None), Err(lacks));
}

#[test]
#[should_panic(expected = "profiles.tag is Text, not U64(7)")]
fn a_value_of_another_type_is_a_bug() {
    Rows::new(&PROFILES).push(Shard::of(0), &[Value::Text("ann"), Value::U64(7)], &[1, 0]);
}

#[test]
#[should_panic(expected = "profiles.tag is Text, not Missing")]
fn a_missing_value_of_a_column_that_needs_one_is_a_bug() {
    Rows::new(&PROFILES).push(Shard::of(0), &[Value::Text("ann"), Value::Missing], &[1, 0]);
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
        rows.push(Shard::of(0), &[Value::Text(&product)], &[1]);
    }
    let encoded = encode(&TRENDS, &rows.into_shards()).unwrap();
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
