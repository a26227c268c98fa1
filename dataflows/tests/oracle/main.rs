//! Holds every answer, at every time, to a from-scratch oracle: seeded scripts of events, merges
//! of guests, catalogue rows, weights and positions, on one worker and on three.
//!
//! [`script`] makes what goes in, [`expected`] says what must come out, [`harness`] alone knows
//! how the graph is run. A new case is one line of [`CASES`].

mod script;
mod expected;
mod rankings;
mod harness;
mod algebra;

use harness::check;

/// Seed; workers; how many times may be open at once (0 closes each before the next).
const CASES: &[(u64, usize, usize)] = &[
    (1, 1, 0),
    (1, 3, 0),
    (2, 1, 7),
    (2, 3, 7),
    (3, 2, 1),
    (4, 3, 1000),
    (5, 1, 1000),
    (6, 3, 3),
    (7, 4, 20),
    (9, 2, 20),
    (10, 4, 0),
];

#[test]
fn every_answer_is_what_the_oracle_says() {
    std::thread::scope(|scope| {
        for &(seed, workers, open) in CASES {
            scope.spawn(move || check(seed, workers, open));
        }
    });
}
