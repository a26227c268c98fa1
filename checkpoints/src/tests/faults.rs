//! Whatever write fails, the last whole checkpoint is restored, and a run goes on from it.

use super::{PROFILES, Profiles, Row, Writer, add, changes, folder, restored_profiles};
use crate::faults::{Fault, Faults, Schedule};
use crate::{Error, Kind, Store};
use std::sync::Arc;
use std::time::Duration;

fn rows(step: i64) -> [Row<'static>; 2] {
    [("ann", "hats", [step + 1, 0]), (["bob", "cat"][usize::from(step % 2 == 1)], "shoes", [0, 1])]
}

/// A claim and five checkpoints, the third with bases. Says what each one that was told to be written holds.
async fn write_some(store: &Store) -> (Vec<Profiles>, Result<(), Error>) {
    let mut told = vec![Profiles::new()];
    let outcome = async {
        let (mut writer, restored) = Writer::restore(store).await?;
        assert!(restored.is_none());
        for step in 0..5 {
            let mut sum = told[told.len() - 1].clone();
            match step {
                2 => writer.rebase(&sum).await?,
                step => {
                    add(&mut sum, &rows(step));
                    writer.write(&rows(step)).await?
                }
            };
            told.push(sum);
            writer.run.collect().await?;
        }
        Ok(())
    };
    let outcome = outcome.await;
    (told, outcome)
}

/// What the checkpoint would hold that was under way when a run ended after so many.
fn under_way(told: &[Profiles]) -> Profiles {
    let mut sum = told[told.len() - 1].clone();
    let step = i64::try_from(told.len()).unwrap() - 1;
    if step != 2 {
        add(&mut sum, &rows(step));
    }
    sum
}

async fn check_every_write(fault: Fault) {
    for at in 0.. {
        let (_folder, store) = folder();
        let schedule = Schedule::new(at, fault);
        let faulty = behind(&store, &schedule);
        let (told, outcome) = write_some(&faulty).await;
        if !schedule.has_struck() {
            // One write for the claim, at least two for each checkpoint.
            assert!(at >= 11, "{at}");
            assert!(outcome.is_ok());
            return;
        }
        // No fault passes unseen, so nothing is named that is not there.
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Store { .. } | Error::Refused(_)), "{at}: {error}");
        let (mut next, restored) = match Writer::restore(&store).await {
            // Before the first checkpoint, nobody can tell that one that is torn was never whole.
            Err(Error::NoneUsable { refused, .. }) => {
                let objects: Vec<_> = refused.iter().map(|refusal| &*refusal.object).collect();
                assert_eq!((told.len(), objects), (1, vec!["manifests/00000000000000000002.json"]));
                assert!(matches!(fault, Fault::Torn | Fault::Renamed));
                continue;
            }
            restored => restored.unwrap(),
        };
        let found = restored.as_ref().map(restored_profiles).unwrap_or_default();
        let mut sum = told[told.len() - 1].clone();
        // The answer was lost, or the error came after the manifest was there.
        if found != sum {
            assert_eq!(found, under_way(&told), "{fault:?} of write {at}");
            assert_eq!(fault, Fault::Unanswered);
            sum = found;
        }
        // The next run goes on, collects, and is restored in its turn.
        for step in 5..8 {
            add(&mut sum, &rows(step));
            next.write(&rows(step)).await.unwrap();
            next.run.collect().await.unwrap();
        }
        let (_, restored) = Writer::restore(&store).await.unwrap();
        assert_eq!(restored_profiles(&restored.unwrap()), sum, "{fault:?} of write {at}");
    }
}

pub(super) fn behind(store: &Store, schedule: &Arc<Schedule>) -> Store {
    store.clone().behind(|objects| Faults::new(objects, schedule.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_at_any_write_costs_no_checkpoint() {
    check_every_write(Fault::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_write_costs_no_checkpoint() {
    check_every_write(Fault::Torn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_tears_is_noticed_and_costs_no_checkpoint() {
    check_every_write(Fault::Renamed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_costs_no_checkpoint() {
    check_every_write(Fault::Unanswered).await;
}

/// The same run tries again: with the same, or with what has come since.
async fn check_retry(fault: Fault, later: bool) {
    for at in 0..2 {
        let (_folder, store) = folder();
        let mut writer = Writer::claim(&store).await.unwrap();
        let mut sum = Profiles::new();
        add(&mut sum, &rows(0));
        writer.write(&rows(0)).await.unwrap();
        let id = writer.run.id();
        // The same run, whose store fails from now on.
        writer.run.replace_store(behind(&store, &Schedule::new(at, fault)));
        writer.write(&rows(1)).await.unwrap_err();
        add(&mut sum, &rows(1));
        let mut retried = rows(1).to_vec();
        if later {
            add(&mut sum, &rows(2));
            retried.extend(rows(2));
        }
        let number = writer.write(&retried).await.unwrap();
        let (_, restored) = Writer::restore(&store).await.unwrap();
        let restored = restored.unwrap();
        assert_eq!((restored.manifest.number, restored.manifest.run), (number, id));
        assert_eq!(restored_profiles(&restored), sum, "{fault:?} of write {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_failed_is_tried_again_by_the_same_run() {
    for fault in [Fault::Full, Fault::Unanswered] {
        check_retry(fault, false).await;
        check_retry(fault, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_is_waited_for() {
    let (_folder, store) = folder();
    let slow = behind(&store, &Schedule::new(1, Fault::Slow(Duration::from_millis(20))));
    let mut writer = Writer::claim(&slow).await.unwrap();
    let began = std::time::Instant::now();
    writer.write(&rows(0)).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(40));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_with_the_place_and_the_object() {
    let (_folder, store) = folder();
    let full = behind(&store, &Schedule::new(1, Fault::Full));
    let writer = Writer::claim(&full).await.unwrap();
    let encoded = changes(&rows(0));
    let kind = Kind::Changes { writer: 0 };
    let error = writer.run.draft().put(&PROFILES, kind, encoded).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("{}: segments/{:020}-", store.url(), 2)), "{text}");
    assert!(text.ends_with(".parquet cannot be written"), "{text}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("no storage space"), "{source}");
}
