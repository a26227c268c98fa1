//! Holds every answer, at every time, to an oracle that computes it from scratch: seeded scripts of
//! events, merges of guests, catalogue rows, weights, rules and positions, on one worker and on several,
//! fed at one of them or at more, with all views and with profiles only.
//!
//! [`script`] makes the input, [`expected`] computes the answers, and only [`harness`] knows how
//! the graph is run. A new case is one line of [`CASES`].

mod script;
mod event;
mod pairs;
mod expected;
mod moves;
mod removals;
mod history;
mod aged;
mod merchandise;
mod mixed;
mod rankings;
mod learned;
mod digests;
mod whys;
mod compare;
mod stored;
mod harness;
mod ruled;
mod obstacles;
mod lab;
mod next;
mod orders;
mod growth;
mod algebra;

use dataflows::graph::Mode;
use harness::{Case, check};

/// Seed; workers; the most times that are open at once (0 closes each before the next).
const CASES: &[Case] = &[
    Case::new(1, 1, 0),
    Case::new(1, 3, 0),
    Case::new(2, 1, 7),
    Case::new(2, 3, 7),
    Case::new(3, 2, 1),
    Case::new(4, 3, 1000),
    Case::new(5, 1, 1000),
    Case::new(6, 3, 3),
    Case::new(7, 4, 20),
    Case::new(9, 2, 20),
    Case::new(10, 4, 0),
    Case::new(2, 3, 7).fed_by(3),
    Case::new(4, 3, 1000).fed_by(3),
    Case::new(6, 3, 3).fed_by(2),
    Case::new(11, 3, 20).fed_by(3),
    Case::new(20, 3, 0).fed_by(3),
];

#[test]
fn every_answer_is_the_oracles() {
    std::thread::scope(|scope| {
        for &case in CASES {
            scope.spawn(move || check(case));
        }
    });
}

#[test]
fn pairs_and_popularity_stay_as_the_oracles_do() {
    std::thread::scope(|scope| {
        for (seed, workers, open) in [(50, 1, 0), (51, 3, 0), (52, 2, 7), (53, 3, 20), (54, 4, 1)] {
            let case = Case::new(seed, workers, open).where_days_pass();
            scope.spawn(move || check(case));
            scope.spawn(move || check(case.fed_by(workers).restarted(20, 2)));
        }
    });
}

#[test]
fn idle_users_leave_as_the_oracles_do() {
    std::thread::scope(|scope| {
        for (seed, workers, open) in [(30, 1, 0), (31, 3, 0), (32, 2, 7), (33, 3, 20), (34, 4, 1)] {
            scope.spawn(move || check(Case::new(seed, workers, open).where_idle_leave()));
        }
    });
}

/// Seed; workers before; steps; workers after.
#[test]
fn what_is_restored_goes_on_as_the_oracle_does() {
    let cases = [
        (40, 1, 12, 1),
        (41, 1, 20, 3),
        (42, 3, 5, 2),
        (43, 2, 30, 4),
        (44, 4, 25, 1),
        (45, 3, 38, 5),
    ];
    std::thread::scope(|scope| {
        for (seed, before, steps, after) in cases {
            let case = Case::new(seed, before, 3).restarted(steps, after);
            scope.spawn(move || check(case));
            scope.spawn(move || check(case.with(Mode::Profile)));
            scope.spawn(move || check(case.where_idle_leave()));
        }
    });
}

#[test]
fn with_profiles_only_every_answer_is_the_oracles() {
    std::thread::scope(|scope| {
        for (seed, workers) in [(20, 1), (20, 3), (21, 1), (22, 3), (23, 4)] {
            scope.spawn(move || check(Case::new(seed, workers, 7).with(Mode::Profile)));
        }
    });
}

/// Runs scripts of the seeds that `RECSYS_ORACLE_SEEDS` names, as `FIRST..END`. The seed alone
/// determines a case, so that a failed one can be run again.
#[test]
#[ignore = "takes minutes; scripts/test --long runs it"]
fn many_more_scripts() {
    let seeds = std::env::var("RECSYS_ORACLE_SEEDS").expect("run this test by scripts/test --long");
    let (first, end) = seeds.split_once("..").expect("it is FIRST..END");
    let seeds = first.parse::<u64>().unwrap()..end.parse().unwrap();
    assert!(!seeds.is_empty(), "{seeds:?} has no seed");
    for seed in seeds {
        check(Case::any(seed));
    }
}
