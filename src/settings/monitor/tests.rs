//! A monitor over a scripted store.

use super::*;
use crate::future::BoxFuture;
use crate::metrics::Metrics;
use crate::settings::WEIGHTS;
use dataflows::score::weights::{Score, Weights};
use std::collections::VecDeque;
use std::sync::Mutex;

/// A text of a node, that there is none, or that the store is away.
type Read = Result<Option<&'static str>, StoreError>;

/// A store with given answers of the weights' node, each given once; after the last nothing
/// changes. The copy of the last good weights is one text.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Read>>,
    created: Mutex<Vec<String>>,
    copy: Mutex<Option<String>>,
}

impl Script {
    fn new(answers: Vec<Read>, copy: Option<&str>) -> Arc<Script> {
        let (answers, copy) = (answers.into(), copy.map(str::to_owned));
        let (answers, copy) = (Mutex::new(answers), Mutex::new(copy));
        Arc::new(Script { answers, created: Mutex::default(), copy })
    }
}

impl Store for Script {
    fn get(&self, path: &str) -> BoxFuture<Result<Option<Vec<u8>>, StoreError>> {
        let answer = if path == WEIGHTS {
            let answer = self.answers.lock().unwrap().pop_front().expect("changed() said so");
            answer.map(|value| value.map(str::to_owned))
        } else {
            assert_eq!(path, "/recsys/last-good/weights");
            match self.copy.lock().unwrap().clone() {
                Some(copy) if copy == AWAY => Err(StoreError::Unavailable(copy)),
                copy => Ok(copy),
            }
        };
        Box::pin(async { answer.map(|value| value.map(String::into_bytes)) })
    }

    fn put(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
        let value = String::from_utf8(value).unwrap();
        if path == WEIGHTS {
            self.created.lock().unwrap().push(value);
        } else {
            *self.copy.lock().unwrap() = Some(value);
        }
        Box::pin(async { Ok(()) })
    }

    fn replace(&self, _: &str, _: Vec<u8>, _: Vec<u8>) -> BoxFuture<Result<bool, StoreError>> {
        unreachable!("monitors replace nothing")
    }

    fn delete(&self, _: &str) -> BoxFuture<Result<bool, StoreError>> {
        unreachable!("monitors delete nothing")
    }

    fn changed(&self, _: &str) -> BoxFuture<()> {
        let more = !self.answers.lock().unwrap().is_empty();
        Box::pin(async move {
            if more {
            } else {
                std::future::pending().await
            }
        })
    }
}

/// What is seen of a monitor that has run over a script.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The views' weights that were put in force.
    applied: Vec<i64>,
    created: Vec<String>,
    /// The copies in the store and in the local folder.
    copies: [Option<String>; 2],
    /// The version, the values rejected, whether one is refused now, whether it is connected.
    metrics: [i64; 4],
    status: NodeStatus,
}

/// Runs a monitor that feeds the dataflow, over a script and the copies of an earlier run.
fn run(answers: Vec<Read>, copies: [Option<&str>; 2]) -> Outcome {
    let [shared, local] = copies;
    let (store, local) = (Script::new(answers, shared), Script::new(Vec::new(), local));
    let last_good = LastGood::new(Some(store.clone()), local.clone());
    let (status, metrics) = (SettingsStatus::default(), Metrics::new().settings.fed("weights"));
    let role = Role::Feeds(last_good, metrics.clone());
    let monitor = Monitor::new(store.clone(), role, status.clone());
    let mut applied = Vec::new();
    let mut run = Box::pin(monitor.run(|Weights([Score(view), ..])| {
        applied.push(view);
        // A process that is killed now begins with it again.
        let kept = local.copy.lock().unwrap().clone().unwrap_or_default();
        assert!(kept.contains(&format!("\"view\":{}", view / Score::UNIT)), "{kept}");
    }));
    // The script never waits, so one poll plays all of it.
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(run.as_mut().poll(&mut context).is_pending());
    drop(run);
    Outcome {
        applied: applied.iter().map(|view| view / Score::UNIT).collect(),
        created: store.created.lock().unwrap().clone(),
        copies: [&store, &local].map(|store| store.copy.lock().unwrap().clone()),
        metrics: [
            metrics.version.get(),
            metrics.rejected.get().try_into().unwrap(),
            metrics.refused.get(),
            metrics.connected.get(),
        ],
        status: status.of("weights"),
    }
}

/// Runs a monitor of which there are no copies.
fn check(answers: Vec<Read>, applied: &[i64], created: &[&str], metrics: [i64; 4]) {
    let outcome = run(answers, [None, None]);
    assert_eq!(outcome.applied, applied);
    assert_eq!(outcome.created, created);
    assert_eq!(outcome.metrics, metrics);
}

const ONE: &str = r#"{"view":1,"add_to_cart":3,"purchase":5}"#;
const TWO: &str = r#"{"view":2,"add_to_cart":3,"purchase":5}"#;
const SEVEN: &str = r#"{"view":7,"add_to_cart":3,"purchase":5}"#;
const NONSENSE: &str = r#"{"view":7,"add_to_cart":3}"#;
const AWAY: &str = "away";

fn good(text: &'static str) -> Read {
    Ok(Some(text))
}

fn away() -> Read {
    Err(StoreError::Unavailable(AWAY.into()))
}

#[test]
fn each_new_value_is_applied_once() {
    check(vec![good(ONE), good(ONE), good(TWO), good(ONE)], &[1, 2, 1], &[], [3, 0, 0, 1]);
}

#[test]
fn a_missing_node_is_made_with_the_default_a_deleted_one_with_what_is_in_force() {
    check(vec![Ok(None)], &[1], &[ONE], [1, 0, 0, 1]);
    check(vec![good(TWO), Ok(None), good(TWO)], &[2], &[TWO], [1, 0, 0, 1]);
}

#[test]
fn nonsense_leaves_the_last_good_ones_and_is_counted_once() {
    let nonsense = vec![good(TWO), good("x"), good("x"), good("{}"), good(TWO), good("x")];
    check(nonsense, &[2], &[], [1, 3, 1, 1]);
}

#[test]
fn an_outage_leaves_the_last_good_ones() {
    check(vec![away(), good(ONE), away(), away()], &[1], &[], [1, 0, 0, 0]);
    check(vec![good(ONE), away(), good(TWO)], &[1, 2], &[], [2, 0, 0, 1]);
}

#[test]
fn a_good_value_is_kept_for_the_next_run_and_nonsense_is_not() {
    for (answers, kept) in [
        (vec![good(SEVEN)], Some(SEVEN)),
        (vec![good(SEVEN), good(NONSENSE), away()], Some(SEVEN)),
        (vec![good(SEVEN), good(TWO)], Some(TWO)),
        (vec![Ok(None)], Some(ONE)),
        (vec![good(NONSENSE)], None),
        (vec![away()], None),
    ] {
        let outcome = run(answers, [None, None]);
        assert_eq!(outcome.copies, [kept, kept].map(|kept| kept.map(str::to_owned)));
    }
}

/// What a run does with the copies that earlier ones have left.
#[test]
fn the_last_good_value_of_an_earlier_run_is_in_force_until_the_node_has_one() {
    let (seven, two) = (Some(SEVEN), Some(TWO));
    for (answers, copies, applied, left) in [
        // The node holds nonsense.
        (vec![good(NONSENSE)], [seven, seven], &[7][..], [seven, seven]),
        (vec![good(NONSENSE)], [None, seven], &[7], [None, seven]),
        // This host was not the last to run it.
        (vec![good(NONSENSE)], [seven, two], &[7], [seven, seven]),
        (vec![good(NONSENSE)], [seven, None], &[7], [seven, seven]),
        (vec![good(NONSENSE)], [Some("x"), seven], &[7], [Some("x"), seven]),
        // The store is away.
        (vec![away()], [seven, seven], &[7], [seven, seven]),
        (vec![away(), away()], [None, seven], &[7], [None, seven]),
        // It comes back.
        (vec![away(), good(TWO)], [seven, seven], &[7, 2], [two, two]),
        (vec![away(), good(NONSENSE)], [seven, two], &[2, 7], [seven, seven]),
        (vec![away(), good(SEVEN)], [None, seven], &[7], [seven, seven]),
        // It has lost its data.
        (vec![Ok(None)], [None, seven], &[7], [seven, seven]),
        // A good node counts above all.
        (vec![good(TWO)], [seven, seven], &[2], [two, two]),
    ] {
        let title = format!("{answers:?} {copies:?}");
        let outcome = run(answers, copies);
        assert_eq!(outcome.applied, applied, "{title}");
        assert_eq!(outcome.copies, left.map(|copy| copy.map(str::to_owned)), "{title}");
        assert_eq!(outcome.status.unknown, None, "{title}");
    }
}

#[test]
fn without_any_good_value_none_is_in_force_and_the_reason_is_told() {
    let missing = "view, add_to_cart and purchase: missing field `purchase`";
    for (answers, copies, reason) in [
        (vec![good(NONSENSE)], [None, None], missing),
        (vec![away()], [None, None], "cannot be read (the settings store does not answer"),
        (vec![away()], [Some(SEVEN), None], "no last good value is known"),
        (vec![good(NONSENSE)], [Some("x"), None], "the last good value is lost: /recsys/"),
        (vec![Ok(None)], [None, Some("x")], "is missing, and the last good value is lost"),
        (vec![Ok(None)], [None, Some(AWAY)], "is missing, and the last good value is lost"),
    ] {
        let title = format!("{answers:?} {copies:?}");
        let outcome = run(answers, copies);
        let told = outcome.status.unknown.unwrap_or_default();
        assert!(told.starts_with(WEIGHTS) && told.contains(reason), "{title}: {told}");
        assert!(outcome.applied.is_empty() && outcome.created.is_empty(), "{title}");
    }
}

#[test]
fn a_monitor_that_observes_leaves_the_store_alone() {
    let store = Script::new(vec![Ok(None), good(NONSENSE), good(TWO)], Some(SEVEN));
    let status = SettingsStatus::default();
    let monitor = Monitor::<Weights>::new(store.clone(), Role::Observes, status.clone());
    let mut run = Box::pin(monitor.run(|_| {}));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(run.as_mut().poll(&mut context).is_pending());
    assert!(store.created.lock().unwrap().is_empty());
    assert_eq!(store.copy.lock().unwrap().as_deref(), Some(SEVEN));
    assert_eq!(status.of("weights").stored, Stored::Good(TWO.into()));
}
