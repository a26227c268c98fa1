//! What is not whole is refused with its file and the reason, and the checkpoint before is used.

use super::{Profiles, TABLES, TRENDS, Writer, add, folder, restored_profiles};
use crate::{Error, Reason, Refusal, Restored, Shard, Store};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Three checkpoints, 2 to 4, and what they hold.
async fn three() -> (TempDir, Store, Writer, Vec<Profiles>) {
    let (folder, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    let mut sums = vec![Profiles::new()];
    for (user, count) in [("ann", 1), ("bob", 2), ("ann", 3)] {
        let rows = [(user, "hats", [count, 0])];
        let mut sum = sums[sums.len() - 1].clone();
        add(&mut sum, &rows);
        sums.push(sum);
        writer.write(&rows).await.unwrap();
    }
    (folder, store, writer, sums)
}

/// Spoils the newest of three checkpoints, of which the given file is, and finds the one before.
async fn check(file: impl Fn(&Writer) -> String, spoil: impl Fn(&PathBuf), reason: &str) {
    let (folder, store, writer, sums) = three().await;
    let object = file(&writer);
    spoil(&folder.path().join(&object));
    let (mut next, restored) = Writer::restore(&store).await.unwrap();
    let restored = restored.unwrap();
    assert_eq!(restored.manifest.number, 3, "{reason}");
    assert_eq!(restored_profiles(&restored), sums[2]);
    let refused: Vec<_> = restored.refused.iter().map(ToString::to_string).collect();
    let [refused] = &refused[..] else { panic!("{refused:?}") };
    assert!(refused.starts_with(&format!("{object} is refused: {reason}")), "{refused}");

    // It goes on from there, and what is refused does not count as kept.
    let mut sum = sums[2].clone();
    for round in 0..3 {
        let rows = [("cat", "hats", [1, 0])];
        add(&mut sum, &rows);
        next.write(&rows).await.unwrap();
        if let Err(error) = next.run.collect().await {
            // As long as it may be one of the kept.
            assert!(round == 0 && error.to_string().contains("it has format 4"), "{error}");
        }
        let mut run = crate::Run::claim(&store).await.unwrap();
        let restored = run.restore(&TABLES, |_| true).await.unwrap().unwrap();
        assert_eq!(restored_profiles(&restored), sum);
        next.run = run;
    }
}

fn manifest(_: &Writer) -> String {
    format!("manifests/{:020}.json", 4)
}

fn segment(writer: &Writer) -> String {
    writer.segments[2].path.clone()
}

fn flip(file: &PathBuf) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(file, bytes).unwrap();
}

fn cut(file: &PathBuf) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

fn write(text: &'static str) -> impl Fn(&PathBuf) {
    move |file| fs::write(file, text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_flipped_foreign_too_old_or_too_new_manifest_is_refused_and_the_one_before_is_used()
{
    check(manifest, cut, "it cannot be parsed: EOF").await;
    check(manifest, write(""), "it cannot be parsed: EOF").await;
    check(manifest, flip, "it").await;
    check(manifest, write("{\"a\": 1}"), "it cannot be parsed: missing field `format`").await;
    check(manifest, write("{\"format\": 4}"), "it has format 4, and").await;
    check(manifest, write("{\"format\": 2}"), "it has format 2, and").await;
    check(manifest, write("{\"format\": 1}"), "it has format 1, and").await;
    let copy = |file: &PathBuf| {
        let other = fs::read(file.with_file_name(format!("{:020}.json", 3)));
        fs::write(file, other.unwrap()).unwrap();
    };
    check(manifest, copy, "it is foreign: it has number 3, not 4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_flipped_foreign_or_missing_segment_is_refused_and_the_one_before_is_used() {
    check(segment, cut, "it has ").await;
    check(segment, write(""), "it has 0 bytes instead of ").await;
    check(segment, flip, "its checksum is not that of what was written").await;
    check(segment, |file| fs::remove_file(file).unwrap(), "it is missing").await;
    let other = |file: &PathBuf| {
        let length = fs::metadata(file).unwrap().len();
        fs::write(file, vec![b'x'; length.try_into().unwrap()]).unwrap();
    };
    check(segment, other, "its checksum is not that of what was written").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_an_unknown_table_is_refused() {
    let (_folder, store, mut writer, _) = three().await;
    let error = writer.run.restore(&[&TRENDS], |_| true).await.unwrap_err();
    let Error::NoneUsable { refused, .. } = &error else { panic!("{error}") };
    assert_eq!(refused.len(), 3);
    let text = refused[0].to_string();
    assert!(text.ends_with("is refused: it is foreign: there is no table profiles"), "{text}");
    assert!(error.to_string().starts_with(&format!("{}: none of the checkpoints", store.url())));
}

#[tokio::test(flavor = "multi_thread")]
async fn none_usable_is_an_error_that_names_all_and_none_at_all_is_not() {
    let (_empty, store) = folder();
    let (_, restored) = Writer::restore(&store).await.unwrap();
    assert!(restored.is_none());
    // Nor are claims alone.
    let (_, restored) = Writer::restore(&store).await.unwrap();
    assert!(restored.is_none());

    let (folder, store, writer, _) = three().await;
    cut(&folder.path().join(manifest(&writer)));
    fs::remove_file(folder.path().join(&writer.segments[0].path)).unwrap();
    let error = Writer::restore(&store).await.err().unwrap();
    let Error::NoneUsable { refused, .. } = &error else { panic!("{error}") };
    let objects: Vec<_> = refused.iter().map(|refusal| &*refusal.object).collect();
    let base = &*writer.segments[0].path;
    assert_eq!(objects, [&*manifest(&writer), base, base]);
    assert!(objects.iter().all(|object| error.to_string().contains(object)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_no_reason_to_use_an_older_checkpoint() {
    let (folder, store, writer, _) = three().await;
    // A link to itself cannot be read, by whoever asks.
    let file = folder.path().join(manifest(&writer));
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&file, &file).unwrap();
    let other = crate::listing::read_manifest(&store, 4).await;
    let Err(Error::Store { url, object, done: "read", .. }) = other else { panic!("{other:?}") };
    assert_eq!((&*url, object), (store.url(), manifest(&writer)));
    let restored = Writer::restore(&store).await.err().unwrap();
    assert!(matches!(restored, Error::Store { .. }), "{restored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_may_hold_wanted_shards_is_read() {
    let (_folder, store, mut writer, sums) = three().await;
    let number = writer.rebase(&sums[3]).await.unwrap();
    let ann = super::shard("ann");
    let load = |shard: Shard| {
        let store = store.clone();
        async move {
            Restored::load(&store, number, &TABLES, move |wanted| wanted == shard).await.unwrap()
        }
    };
    let restored = load(ann).await;
    let kinds: Vec<_> = restored.segments().map(|segment| segment.named().kind).collect();
    assert_eq!(kinds, [crate::Kind::Base { shard: ann }]);
    assert_eq!(restored_profiles(&restored).into_values().collect::<Vec<_>>(), [[4, 0]]);
    assert_eq!(load(Shard::of(60)).await.segments().count(), 0);
    assert!(
        Restored::load(&store, 77, &TABLES, |_| true)
            .await
            .unwrap_err()
            .to_string()
            .contains("is missing")
    );
}

/// A process that reads other shards met what this one did not.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_refused_is_not_restored() {
    let (_folder, _, mut writer, sums) = three().await;
    let refusal = Refusal { object: "segments/x".to_owned(), reason: Reason::Missing };
    writer.run.refuse(4, refusal.clone());
    let restored = writer.run.restore(&TABLES, |_| true).await.unwrap().unwrap();
    assert_eq!((restored.manifest.number, &restored.refused[..]), (3, &[refusal][..]));
    assert_eq!(restored_profiles(&restored), sums[2]);
}
