//! What is kept, and what is collected.

use super::{PROFILES, Profiles, Writer, add, changes, files, folder, restored_profiles};
use crate::{Collected, Error, Kind, Run, Store, list};
use std::fs;

async fn numbers(store: &Store) -> Vec<u64> {
    list(store).await.unwrap().iter().map(|listed| listed.number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_checkpoints_and_the_claims_after_the_older_are_kept_with_what_they_name() {
    let (folder, store) = folder();
    let mut sum = Profiles::new();
    let rows = [("ann", "hats", [1, 0]), ("bob", "hats", [1, 2])];
    let (mut writer, _) = Writer::restore(&store).await.unwrap();
    assert_eq!(writer.run.collect().await.unwrap(), Collected::default());
    add(&mut sum, &rows);
    writer.write(&rows).await.unwrap(); // 2
    assert_eq!(writer.run.collect().await.unwrap(), Collected::default());
    add(&mut sum, &rows);
    writer.write(&rows).await.unwrap(); // 3
    let changes = writer.segments.clone();
    // The first claim goes; 2 is the older of the two newest.
    assert_eq!(writer.run.collect().await.unwrap().objects, 1);
    assert_eq!(numbers(&store).await, [3, 2]);

    // Claims are no checkpoints.
    for _ in 0..3 {
        Run::claim(&store).await.unwrap(); // 4, 5, 6
    }
    let (mut writer, _) = Writer::restore(&store).await.unwrap(); // 7
    assert_eq!(writer.run.collect().await.unwrap(), Collected::default());
    assert_eq!(numbers(&store).await, [7, 6, 5, 4, 3, 2]);

    // 3 names the changes, so they stay, and 2 goes.
    writer.rebase(&sum).await.unwrap(); // 8
    assert_eq!(writer.run.collect().await.unwrap().objects, 1);
    assert_eq!(numbers(&store).await, [8, 7, 6, 5, 4, 3]);
    assert!(changes.iter().all(|segment| folder.path().join(&segment.path).exists()));

    writer.write(&rows).await.unwrap(); // 9
    let collected = writer.run.collect().await.unwrap();
    // Five manifests, and two segments of changes.
    assert_eq!(collected.objects, 7);
    assert!(collected.bytes > changes.iter().map(|segment| segment.length).sum());
    assert_eq!(numbers(&store).await, [9, 8]);
    let named = writer.segments.iter().map(|segment| segment.path.clone());
    let manifests = [8, 9].map(|number| format!("manifests/{number:020}.json"));
    let mut expected: Vec<_> = named.chain(manifests).collect();
    expected.sort();
    assert_eq!(files(&folder), expected);

    add(&mut sum, &rows);
    let (_, restored) = Writer::restore(&store).await.unwrap();
    assert_eq!(restored_profiles(&restored.unwrap()), sum);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_an_unfinished_checkpoint_go_once_their_number_is_below() {
    let (folder, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    let encoded = changes(&[("cat", "hats", [1, 0])]);
    let kind = Kind::Changes { writer: 9 };
    let unfinished = writer.run.draft().put(&PROFILES, kind, encoded).await.unwrap(); // for 2
    let file = folder.path().join(&unfinished.path);
    // A process that was killed left these.
    let half = folder.path().join(format!("{}#1", unfinished.path));
    fs::write(&half, "half").unwrap();
    let half_manifest = folder.path().join(format!("manifests/{:020}.json#1", 2));
    fs::write(&half_manifest, "half").unwrap();
    let foreign = folder.path().join("segments/README");
    fs::write(&foreign, "of somebody else").unwrap();
    let is_there = || [&file, &half, &half_manifest].map(|file| file.exists());

    writer.write(&[]).await.unwrap(); // 2
    writer.write(&[]).await.unwrap(); // 3
    writer.run.collect().await.unwrap();
    assert_eq!(is_there(), [true; 3], "their number is that of a kept checkpoint");
    writer.write(&[]).await.unwrap(); // 4
    writer.run.collect().await.unwrap();
    assert_eq!(is_there(), [false; 3]);
    assert!(foreign.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_before_a_number_is_deleted_once_nothing_needs_it() {
    let (folder, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    let mut sum = Profiles::new();
    let rows = [("ann", "hats", [1, 0]), ("bob", "shoes", [1, 0])];
    add(&mut sum, &rows);
    writer.write(&rows).await.unwrap(); // 2
    let needed = |outcome: Result<Collected, Error>| match outcome {
        Err(Error::Needed { number: 3, reason }) => reason,
        other => panic!("{other:?}"),
    };
    // Ann is forgotten: taken back, and both bases written anew.
    let back = [("ann", "hats", [-1, 0])];
    add(&mut sum, &back);
    writer.write(&back).await.unwrap(); // 3
    let too_few = "1 whole checkpoints follow it, and 2 are kept";
    assert_eq!(needed(writer.run.delete_before(3).await), too_few);
    writer.rebase(&sum).await.unwrap(); // 4
    let named = needed(writer.run.delete_before(3).await);
    assert!(
        named.starts_with(&format!("manifests/{:020}.json names segments/{:020}-", 3, 2)),
        "{named}"
    );

    writer.rebase(&sum).await.unwrap(); // 5
    let deleted = writer.run.delete_before(4).await.unwrap();
    // Three manifests, and two segments.
    assert_eq!(deleted.objects, 5);
    assert_eq!(numbers(&store).await, [5, 4]);
    assert!(crate::contains(&store, "ann").await.unwrap().is_absent());
    assert!(files(&folder).iter().all(|file| !file.contains(&format!("{:020}", 3))));
    let (_, restored) = Writer::restore(&store).await.unwrap();
    assert_eq!(restored_profiles(&restored.unwrap()), sum);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_collected_where_a_newer_version_writes() {
    let (folder, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    for _ in 0..4 {
        writer.write(&[]).await.unwrap();
    }
    fs::write(folder.path().join(format!("manifests/{:020}.json", 6)), "{\"format\":4}").unwrap();
    let before = files(&folder);
    for outcome in [writer.run.collect().await, writer.run.delete_before(4).await] {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("it has format 4"), "{error}");
    }
    assert_eq!(files(&folder), before);
}

/// A checkpoint whose segment is gone counts for nothing, so two others are kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_is_not_counted_among_the_kept() {
    let (folder, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    let rows = [("ann", "hats", [1, 0])];
    writer.write(&rows).await.unwrap(); // 2
    writer.write(&rows).await.unwrap(); // 3
    let before = writer.segments.clone();
    writer.write(&rows).await.unwrap(); // 4
    fs::remove_file(folder.path().join(&writer.segments[2].path)).unwrap();
    writer.commit(before).await.unwrap(); // 5
    writer.run.collect().await.unwrap();
    assert_eq!(numbers(&store).await, [5, 4, 3]);
}

/// Whoever calls this does so from tasks.
#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_may_be_spawned() {
    let (_folder, store) = folder();
    let all = async move {
        let mut run = Run::claim(&store).await?;
        assert!(run.restore(&super::TABLES, |_| true).await?.is_none());
        let encoded = changes(&[("ann", "hats", [1, 0])]);
        let draft = run.draft();
        let segment = draft.put(&PROFILES, Kind::Changes { writer: 0 }, encoded).await?;
        for _ in 0..2 {
            let segments = vec![segment.clone()];
            run.commit(crate::Content { segments, ..Default::default() }).await?;
        }
        crate::Restored::load(&store, 3, &super::TABLES, |_| true).await?;
        run.collect().await?;
        run.delete_before(2).await?;
        crate::verify(&store, &super::TABLES).await?;
        Ok::<_, Error>(crate::contains(&store, "ann").await?.found.len())
    };
    assert_eq!(tokio::spawn(all).await.unwrap().unwrap(), 1);
}
