//! A copy of one checkpoint, which is whole or none.

use super::faults::behind;
use super::{Profiles, TABLES, Writer, add, files, folder, restored_profiles};
use crate::faults::{Fault, Schedule};
use crate::{Error, Exported, Reason, Store, export, key, list, verify};
use std::fs;

/// What a run that begins with the only checkpoint of a store has, and that it goes on from there.
async fn begun(store: &Store) -> Profiles {
    let (mut writer, restored) = Writer::restore(store).await.unwrap();
    let restored = restored_profiles(&restored.unwrap());
    for _ in 0..3 {
        writer.write(&[("new", "hats", [1, 0])]).await.unwrap();
        writer.run.collect().await.unwrap();
    }
    restored
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_one_checkpoint_that_is_begun_with() {
    let (_original, store) = folder();
    let made = key(&store).await.unwrap();
    let mut writer = Writer::claim(&store).await.unwrap();
    let mut sums = vec![Profiles::new()];
    for user in ["ann", "bob", "cat"] {
        let mut sum = sums[sums.len() - 1].clone();
        add(&mut sum, &[(user, "hats", [1, 2])]);
        writer.write(&[(user, "hats", [1, 2])]).await.unwrap();
        sums.push(sum);
    }
    for (number, found) in [(None, 4), (Some(4), 4), (Some(3), 3), (Some(2), 2)] {
        let (copy, to) = folder();
        let exported = export(&store, number, &TABLES, &to).await.unwrap().unwrap();
        let listed = verify(&to, &TABLES).await.unwrap();
        let [only] = &listed[..] else { panic!("{listed:?}") };
        let named = only.named.as_ref().unwrap();
        assert!(only.is_whole() && !named.claim && named.run == writer.run.id());
        let told = Exported { number: found, segments: named.segments, bytes: named.bytes };
        assert_eq!((exported, only.number), (told, found));
        // What other checkpoints have is left out: a tool that adds up all files has the state.
        assert_eq!(files(&copy).len(), 2 + named.segments);
        assert_eq!(key(&to).await.unwrap(), made);
        assert_eq!(begun(&to).await, sums[usize::try_from(found).unwrap() - 1]);
    }
    // The original goes on as if nothing had been.
    writer.write(&[("dan", "hats", [1, 0])]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_checkpoint_is_not_copied() {
    let (_original, store) = folder();
    let copy_of = async |number| {
        let (copy, to) = folder();
        let exported = export(&store, number, &TABLES, &to).await.unwrap();
        assert!(files(&copy).is_empty());
        exported
    };
    assert_eq!(copy_of(None).await, None);
    let mut writer = Writer::claim(&store).await.unwrap();
    assert_eq!(copy_of(None).await, None, "a claim is none");
    assert_eq!(copy_of(Some(1)).await, None, "a claim is none");
    writer.write(&[("ann", "hats", [1, 0])]).await.unwrap();
    assert_eq!(copy_of(Some(3)).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_where_anything_is() {
    let (_original, store) = folder();
    Writer::claim(&store).await.unwrap().write(&[("ann", "hats", [1, 0])]).await.unwrap();
    for name in ["key", "segments/x#1", "notes.txt", "empty/"] {
        let (copy, to) = folder();
        let path = copy.path().join(name);
        fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().unwrap() })
            .unwrap();
        if !name.ends_with('/') {
            fs::write(path, "x").unwrap();
        }
        let before = files(&copy);
        let error = export(&store, None, &TABLES, &to).await.unwrap_err();
        assert!(matches!(error, Error::Occupied { .. }), "{name}: {error}");
        assert_eq!(files(&copy), before);
    }
    let error = export(&store, None, &TABLES, &store).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} is not empty", store.url()));
}

/// The one before would pass for the newest.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_and_leaves_no_checkpoint() {
    let flip = |bytes: &mut Vec<u8>| bytes[20] ^= 1;
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(30);
    let manifest = format!("manifests/{:020}.json", 3);
    for (of_manifest, change) in
        [(false, &flip as &dyn Fn(&mut Vec<u8>)), (false, &cut), (true, &cut)]
    {
        let (original, store) = folder();
        key(&store).await.unwrap();
        let mut writer = Writer::claim(&store).await.unwrap();
        writer.write(&[("ann", "hats", [1, 0])]).await.unwrap();
        writer.write(&[("bob", "hats", [1, 0])]).await.unwrap();
        let damaged = if of_manifest { &manifest } else { &writer.segments[1].path };
        let file = original.path().join(damaged);
        let mut bytes = fs::read(&file).unwrap();
        change(&mut bytes);
        fs::write(&file, bytes).unwrap();
        for number in [None, Some(3)] {
            let (_copy, to) = folder();
            match export(&store, number, &TABLES, &to).await {
                Err(Error::Refused(refusal)) => assert_eq!(&refusal.object, damaged),
                other => panic!("{other:?}"),
            }
            assert!(list(&to).await.unwrap().is_empty());
        }
        let (_copy, to) = folder();
        let before = export(&store, Some(2), &TABLES, &to).await.unwrap().unwrap();
        assert_eq!((before.number, list(&to).await.unwrap().len()), (2, 1));
    }
    let (original, store) = folder();
    Writer::claim(&store).await.unwrap().write(&[("ann", "hats", [1, 0])]).await.unwrap();
    fs::write(original.path().join("key"), "no key").unwrap();
    let error = export(&store, None, &TABLES, &folder().1).await.unwrap_err();
    let Error::Refused(refusal) = error else { panic!("{error}") };
    assert!(refusal.object == "key" && matches!(refusal.reason, Reason::Syntax(_)));
}

/// Whatever write fails, the copy is no checkpoint, and that is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_is_no_checkpoint() {
    let (_original, store) = folder();
    key(&store).await.unwrap();
    let mut writer = Writer::claim(&store).await.unwrap();
    for user in ["ann", "bob", "cat"] {
        writer.write(&[(user, "hats", [1, 0])]).await.unwrap();
    }
    for fault in [Fault::Full, Fault::Torn, Fault::Renamed] {
        // Three segments, the key, the manifest.
        for at in 0..5 {
            let (_copy, to) = folder();
            let schedule = Schedule::new(at, fault);
            let exported = export(&store, None, &TABLES, &behind(&to, &schedule)).await;
            assert!(schedule.has_struck() && exported.is_err(), "{fault:?} {at}: {exported:?}");
            let whole = list(&to).await.unwrap().iter().filter(|it| it.is_whole()).count();
            assert_eq!(whole, 0, "{fault:?} {at}");
        }
    }
}

/// What is copied is removed while it is copied.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_is_whole_while_a_run_goes_on() {
    let (_original, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    let mut sum = Profiles::new();
    writer.write(&[]).await.unwrap();
    let run = tokio::spawn(async move {
        for round in 0..60 {
            let rows = [("ann", "hats", [1, 0]), ("bob", ["red", "blue"][round % 2], [1, 0])];
            add(&mut sum, &rows);
            writer.rebase(&sum).await.unwrap();
            writer.run.collect().await.unwrap();
        }
    });
    let mut numbers = Vec::new();
    while !run.is_finished() {
        let (_copy, to) = folder();
        let exported = export(&store, None, &TABLES, &to).await.unwrap().unwrap();
        let listed = verify(&to, &TABLES).await.unwrap();
        assert!(listed.len() == 1 && listed[0].is_whole(), "{listed:?}");
        let round = i64::try_from(exported.number).unwrap() - 2;
        let ann = begun(&to).await.get(&("ann".to_owned(), "hats".to_owned())).copied();
        assert_eq!(ann.unwrap_or_default(), [round, 0]);
        numbers.push(exported.number);
    }
    run.await.unwrap();
    assert!(numbers.is_sorted());
}
