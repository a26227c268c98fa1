//! Of two runs one goes on.

use super::{PROFILES, Profiles, Writer, add, changes, folder, restored_profiles};
use crate::{Content, Draft, Error, Kind, Run, RunId, list};
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// The run that fenced, and the number that it holds.
fn fenced<T>(outcome: Result<T, Error>) -> (RunId, u64) {
    match outcome {
        Err(Error::Fenced { run, number }) => (run, number),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("not fenced"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_run_that_wakes_up_is_fenced_and_the_new_one_goes_on() {
    let (_folder, store) = folder();
    let mut expected = Profiles::new();
    let mut a = Writer::claim(&store).await.unwrap();
    add(&mut expected, &[("ann", "hats", [1, 0])]);
    assert_eq!(a.write(&[("ann", "hats", [1, 0])]).await.unwrap(), 2);
    // A stops here, and B starts: it has claimed and restored, and has no checkpoint yet.
    let (mut b, restored) = Writer::restore(&store).await.unwrap();
    assert_eq!(restored_profiles(&restored.unwrap()), expected);
    let by_b = (b.run.id(), 3);
    assert_eq!(fenced(a.write(&[("ann", "hats", [1, 0])]).await), by_b);
    // However often it tries.
    assert_eq!(fenced(a.write(&[("ann", "hats", [1, 0])]).await), by_b);
    add(&mut expected, &[("ann", "hats", [5, 0])]);
    assert_eq!(b.write(&[("ann", "hats", [5, 0])]).await.unwrap(), 4);
    let (_, restored) = Writer::restore(&store).await.unwrap();
    assert_eq!(restored_profiles(&restored.unwrap()), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_run_is_fenced_although_its_next_number_was_collected() {
    let (_folder, store) = folder();
    let mut a = Writer::claim(&store).await.unwrap();
    a.write(&[("ann", "hats", [1, 0])]).await.unwrap();
    let draft = a.run.draft();
    let (mut b, _) = Writer::restore(&store).await.unwrap();
    for _ in 0..5 {
        b.write(&[("ann", "hats", [1, 0])]).await.unwrap();
        b.run.collect().await.unwrap();
    }
    let numbers: Vec<_> = list(&store).await.unwrap().iter().map(|listed| listed.number).collect();
    assert_eq!(numbers, [8, 7]);
    // Number 3 was B's claim, and is free again.
    assert_eq!(draft.number(), 3);
    assert_eq!(fenced(a.write(&[("ann", "hats", [1, 0])]).await), (b.run.id(), 8));
    // What it left is nobody's, and goes.
    b.write(&[("ann", "hats", [1, 0])]).await.unwrap();
    b.run.collect().await.unwrap();
    let (_, restored) = Writer::restore(&store).await.unwrap();
    let restored = restored.unwrap();
    assert_eq!((restored.manifest.number, restored.manifest.run), (9, b.run.id()));
    let expected = [(("ann".to_owned(), "hats".to_owned()), [7, 0])];
    assert_eq!(restored_profiles(&restored), Profiles::from(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_claims_at_once_one_wins_each_number() {
    let (_folder, store) = folder();
    let mut claims = JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        claims.spawn(async move { Run::claim(&store).await });
    }
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    for claim in claims.join_all().await {
        match claim {
            Ok(run) => winners.push(run),
            Err(Error::Fenced { run, number }) => losers.push((run, number)),
            Err(error) => panic!("{error}"),
        }
    }
    let listed = list(&store).await.unwrap();
    let numbers: BTreeSet<_> = listed.iter().map(|listed| listed.number).collect();
    assert_eq!(
        numbers,
        (1..=listed.len() as u64).collect(),
        "numbers are taken one after the other"
    );
    let holders: Vec<_> = listed.iter().map(|listed| listed.named.as_ref().unwrap().run).collect();
    assert_eq!(holders.iter().collect::<BTreeSet<_>>().len(), holders.len());
    assert!(losers.iter().all(|(run, _)| holders.contains(run)));
    // Of those that have claimed, all but the last are fenced.
    let mut going_on = 0;
    for mut run in winners {
        let number = run.commit(Content::default()).await;
        going_on += usize::from(number.is_ok_and(|number| number == listed.len() as u64 + 1));
    }
    assert_eq!(going_on, 1);
}

#[tokio::test]
async fn a_claim_has_the_content_of_the_checkpoint_before() {
    let (_folder, store) = folder();
    let mut a = Writer::claim(&store).await.unwrap();
    a.write(&[("ann", "hats", [1, 0])]).await.unwrap();
    let b = Run::claim(&store).await.unwrap();
    let claim = crate::listing::read_manifest(&store, 3).await.unwrap().unwrap().unwrap();
    assert!(claim.claim);
    assert_eq!((claim.run, claim.content.time), (b.id(), 2));
    assert_eq!(claim.content.segments, a.segments);
}

#[tokio::test]
async fn segments_of_another_process_are_part_of_a_checkpoint() {
    let (_folder, store) = folder();
    let mut run = Run::claim(&store).await.unwrap();
    // The other one is told the run and the number alone.
    let other = Draft::new(&store, run.id(), run.draft().number());
    let encoded = changes(&[("ann", "hats", [1, 0])]);
    let kind = Kind::Changes { writer: 1 };
    let segment = other.put(&PROFILES, kind, encoded).await.unwrap();
    let beginning = format!("segments/{:020}-{}/profiles/changes-01-", 2, run.id());
    assert!(segment.path.starts_with(&beginning), "{}", segment.path);
    let content = Content { segments: vec![segment], ..Content::default() };
    assert_eq!(run.commit(content).await.unwrap(), 2);
}

#[tokio::test]
async fn what_a_collector_may_have_removed_cannot_be_named() {
    let (_folder, store) = folder();
    let mut writer = Writer::claim(&store).await.unwrap();
    let encoded = || changes(&[("bob", "hats", [1, 0])]);
    let kind = Kind::Base { shard: super::shard("bob") };
    let slow = writer.run.draft().put(&PROFILES, kind, encoded()).await.unwrap();
    // Two checkpoints later it may be named, three later it may not.
    writer.write(&[]).await.unwrap();
    writer.write(&[]).await.unwrap();
    writer.run.collect().await.unwrap();
    let segments = [&*writer.segments, std::slice::from_ref(&slow)].concat();
    let old = writer.segments.clone();
    assert_eq!(writer.commit(segments.clone()).await.unwrap(), 4);
    writer.commit(old).await.unwrap();
    let stray = writer.commit(segments).await.unwrap_err();
    assert!(
        matches!(&stray, Error::Stray { number: 6, object } if *object == slow.path),
        "{stray}"
    );
    // Nor is one that is not there.
    let gone = crate::Segment { path: format!("{}x", slow.path), ..slow };
    let draft = writer.run.draft();
    let mut there = draft.put(&PROFILES, kind, encoded()).await.unwrap();
    let missing =
        writer.commit(vec![crate::Segment { path: there.path.replace("base", "bass"), ..gone }]);
    let missing = missing.await.unwrap_err().to_string();
    assert!(missing.ends_with(" is refused: it is missing"), "{missing}");
    there.length += 1;
    let other = writer.commit(vec![there]).await.unwrap_err().to_string();
    assert!(other.contains(" is refused: it has "), "{other}");
}
