//! Lists, checks of every segment, and the search for an id.

use super::{PROFILES, TABLES, TRENDS, Writer, changes, folder};
use crate::{
    Content, Effort, Found, Kind, Reason, Rows, Run, Value, contains, encode, list, verify,
};
use serde_json::json;
use std::fs;
use std::time::{Duration, SystemTime};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_what_is_there() {
    let (folder, store) = folder();
    assert!(list(&store).await.unwrap().is_empty());
    let mut writer = Writer::claim(&store).await.unwrap();
    writer.write(&[("ann", "hats", [1, 0]), ("bob", "hats", [1, 0])]).await.unwrap();
    writer.write(&[("ann", "hats", [1, 0])]).await.unwrap();
    let listed = list(&store).await.unwrap();
    let numbers: Vec<_> = listed.iter().map(|listed| listed.number).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert!(listed.iter().all(|listed| listed.is_whole()));
    let newest = listed[0].named.as_ref().unwrap();
    assert_eq!((newest.run, newest.claim, newest.time), (writer.run.id(), false, 4));
    assert_eq!((newest.segments, newest.rows), (2, 3));
    let bytes = writer.segments.iter().map(|segment| segment.length).sum::<u64>();
    assert_eq!(newest.bytes, bytes);
    assert!(listed[2].named.as_ref().unwrap().claim);
    let age = SystemTime::now().duration_since(listed[0].written).unwrap_or_default();
    assert!(age < Duration::from_secs(600), "{age:?}");

    fs::write(folder.path().join(format!("manifests/{:020}.json", 4)), "torn").unwrap();
    fs::remove_file(folder.path().join(&writer.segments[1].path)).unwrap();
    let listed = list(&store).await.unwrap();
    let whole: Vec<_> = listed.iter().map(|listed| (listed.number, listed.is_whole())).collect();
    assert_eq!(whole, [(4, false), (3, false), (2, true), (1, true)]);
    assert!(listed[0].named.is_none());
    assert_eq!(listed[1].faults[0].reason, Reason::Missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_reads_every_segment() {
    let (folder, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    for _ in 0..3 {
        writer.write(&[("ann", "hats", [1, 0])]).await.unwrap();
    }
    let verified = verify(&store, &TABLES).await.unwrap();
    assert_eq!(verified.len(), 4);
    assert!(verified.iter().all(|listed| listed.is_whole()));
    // A flipped bit changes neither presence nor length.
    let file = folder.path().join(&writer.segments[1].path);
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(list(&store).await.unwrap().iter().all(|listed| listed.is_whole()));
    let verified = verify(&store, &TABLES).await.unwrap();
    let faults: Vec<_> = verified.iter().map(|listed| listed.faults.len()).collect();
    assert_eq!(faults, [1, 1, 0, 0]);
    assert_eq!(verified[0].faults[0].reason, Reason::Checksum);
    assert_eq!(verified[0].faults[0].object, writer.segments[1].path);
}

/// The manifest says otherwise than the file, whose checksum is right.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_compares_rows_and_tables() {
    let (_folder, store) = folder();
    let mut run = Run::claim(&store).await.unwrap();
    let kind = Kind::Changes { writer: 0 };
    let encoded = changes(&[("ann", "hats", [1, 0])]);
    let draft = run.draft();
    let mut more = draft.put(&PROFILES, kind, encoded.clone()).await.unwrap();
    more.rows = 2;
    let other = draft.put(&TRENDS, kind, encoded.clone()).await.unwrap();
    let torn = crate::Encoded {
        bytes: "no Parquet".into(),
        rows: 1,
        checksum: crate::encode::checksum(b"no Parquet"),
    };
    let torn = draft.put(&PROFILES, kind, torn).await.unwrap();
    let segments = vec![more, other, torn];
    run.commit(Content { segments, ..Content::default() }).await.unwrap();
    let verified = verify(&store, &TABLES).await.unwrap();
    let reasons: Vec<_> = verified[0].faults.iter().map(|fault| fault.reason.to_string()).collect();
    assert_eq!(reasons[0], "it has 1 rows instead of 2");
    assert_eq!(reasons[1], "it is foreign: it is of the table profiles, not trends");
    assert!(reasons[2].starts_with("it cannot be decoded: "), "{}", reasons[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_found_wherever_it_is() {
    static LISTS: crate::Table = crate::Table {
        name: "lists",
        columns: &[crate::Column::texts("users"), crate::Column::u64("n")],
        counts: &["count"],
    };
    let (folder, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    writer.write(&[("ann", "hats", [1, 0]), ("ann", "ann", [1, 0])]).await.unwrap();
    writer.write(&[("anna", "an", [1, 0])]).await.unwrap();
    // An object that no manifest names, and a manifest's state.
    let mut rows = Rows::new(&LISTS);
    rows.push(&[Value::Texts(&["bob", "ann"]), Value::U64(1)], &[1]);
    let kind = Kind::Changes { writer: 0 };
    let encoded = encode(&LISTS, Effort::Fast, &[rows.into_batch()]).unwrap();
    let unfinished = writer.run.draft().put(&LISTS, kind, encoded).await.unwrap();
    let state = json!({"moved": {"ann": ["ann", "x"]}});
    let segments = writer.segments.clone();
    let number =
        writer.run.commit(Content { segments, state, ..Content::default() }).await.unwrap();

    let search = contains(&store, "ann").await.unwrap();
    let found = |object: &str, column: Option<&str>, times| Found {
        object: object.to_owned(),
        column: column.map(str::to_owned),
        times,
    };
    let first = &*writer.segments[0].path;
    let mut expected = vec![
        found(&format!("manifests/{number:020}.json"), None, 2),
        found(first, Some("tag"), 1),
        found(first, Some("user"), 2),
        found(&unfinished.path, Some("users"), 1),
    ];
    let mut all = search.found.clone();
    for found in [&mut expected, &mut all] {
        found.sort_by_key(|found| (found.object.clone(), found.column.clone()));
    }
    assert_eq!(all, expected);
    assert!(!search.is_absent());
    assert_eq!((search.unread.len(), search.objects), (0, 7));
    assert!(contains(&store, "nn").await.unwrap().is_absent());

    // What cannot be read may have it.
    fs::write(folder.path().join(first), "torn").unwrap();
    fs::write(folder.path().join(format!("{first}#1")), "half").unwrap();
    let search = contains(&store, "nn").await.unwrap();
    assert!(!search.is_absent());
    let unread: Vec<_> = search.unread.iter().map(|refusal| &*refusal.object).collect();
    assert_eq!(unread, [&format!("{first}#1"), first]);
}
