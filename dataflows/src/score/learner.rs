//! Learns the weights of the mixture from grades, by online expectation maximisation: a source's weight is its mean share
//! in the scores of the products that came.

use super::grade::{Grade, Grades, ONE};
use super::mixture::{GATES, SOURCES, SourceWeights};
use super::start::START;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The weights of before count as much as so many graded events.
const PRIOR: f64 = 200.0;
/// Graded events count half after as many others.
const HALF: u64 = 100_000;
/// The fewest graded events that a step is made from before an hour has ended.
const FEW: u64 = 250;

/// What grades add up to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Learner {
    /// By gate, the parts of sources, in 2^-20; older ones count less.
    sums: [[i64; SOURCES]; GATES],
    /// By gate, the graded events, likewise.
    events: [i64; GATES],
    /// The number of graded events, and of those since the last step.
    seen: u64,
    fresh: u64,
    /// The hour of the last step.
    hour: u32,
    /// The weights of the last step.
    weights: Arc<SourceWeights>,
    /// By day, how good rankings were.
    grades: Grades,
    /// How often all but the grades was forgotten.
    resets: u32,
    /// The weights that a shop starts with.
    start: &'static SourceWeights,
}

/// The same as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    sums: Vec<Vec<i64>>,
    events: Vec<i64>,
    seen: u64,
    fresh: u64,
    hour: u32,
    weights: Vec<Vec<f64>>,
    grades: Grades,
    resets: u32,
}

impl Learner {
    /// Begins with some weights.
    pub fn new(start: &'static SourceWeights) -> Learner {
        Learner {
            sums: [[0; SOURCES]; GATES],
            events: [0; GATES],
            seen: 0,
            fresh: 0,
            hour: 0,
            weights: Arc::new(*start),
            grades: Grades::default(),
            resets: 0,
            start,
        }
    }

    /// Adds a grade.
    pub fn add(&mut self, grade: &Grade) {
        self.grades.add(grade);
        if grade.parts.is_empty() {
            return;
        }
        for &(source, part) in &grade.parts {
            self.sums[grade.gate][source] += part;
        }
        self.events[grade.gate] += ONE;
        self.seen += 1;
        self.fresh += 1;
    }

    /// Makes a step if it is time, in an hour of the event clock: when another one has begun, and while little was seen,
    /// whenever that has doubled. Returns whether the weights have changed.
    pub fn step(&mut self, hour: u32) -> bool {
        let has_doubled = FEW <= self.fresh && self.seen <= 2 * self.fresh;
        let is_later = self.hour < hour;
        if self.fresh == 0 || !(has_doubled || is_later) {
            return false;
        }
        self.hour = hour;
        self.weights = Arc::new(self.learned());
        self.age();
        self.fresh = 0;
        true
    }

    /// The weights that the sums give.
    fn learned(&self) -> SourceWeights {
        let events: f64 = self.events.into_iter().map(number).sum();
        let every: [f64; SOURCES] = std::array::from_fn(|source| {
            let sum: f64 = self.sums.iter().map(|sums| number(sums[source])).sum();
            let start: f64 = self.start.iter().map(|weights| weights[source]).sum();
            #[allow(clippy::cast_precision_loss, reason = "there are few gates")]
            let start = start / GATES as f64;
            (sum + PRIOR * start) / (events + PRIOR)
        });
        std::array::from_fn(|gate| {
            let events = number(self.events[gate]);
            std::array::from_fn(|source| {
                (number(self.sums[gate][source]) + PRIOR * every[source]) / (events + PRIOR)
            })
        })
    }

    /// Lets older parts count less. At first they came from worse weights, and count less sooner.
    #[allow(clippy::cast_precision_loss, reason = "there are fewer than 2^53")]
    #[allow(clippy::cast_possible_truncation, reason = "a factor below one of a whole number")]
    fn age(&mut self) {
        let halves = self.fresh as f64 / HALF.min(self.seen) as f64;
        let factor = 0.5_f64.powf(halves);
        let older = |sum: &mut i64| *sum = (*sum as f64 * factor).round() as i64;
        self.sums.iter_mut().flatten().for_each(older);
        self.events.iter_mut().for_each(older);
    }

    /// The weights of the last step.
    pub fn weights(&self) -> &Arc<SourceWeights> {
        &self.weights
    }

    /// The same, as if a shop started with some weights.
    #[must_use]
    pub fn with_start(self, start: &'static SourceWeights) -> Learner {
        Learner { start, ..self }
    }

    /// The graded events that weights were learned from.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// By gate, the graded events that the weights go by; older ones count less.
    pub fn events(&self) -> [f64; GATES] {
        self.events.map(number)
    }

    /// How good rankings were.
    pub fn grades(&self) -> &Grades {
        &self.grades
    }

    /// How often all but the grades was forgotten.
    pub fn resets(&self) -> u32 {
        self.resets
    }

    /// Forgets all but the grades, for the time that is told.
    pub fn reset(&mut self, resets: u32) {
        let grades = std::mem::take(&mut self.grades);
        *self = Learner { grades, resets, ..Learner::new(self.start) };
    }
}

/// A sum of parts of one.
#[allow(clippy::cast_precision_loss, reason = "there are fewer than 2^33 events")]
fn number(sum: i64) -> f64 {
    sum as f64 / ONE as f64
}

impl From<Learner> for Stored {
    fn from(learner: Learner) -> Stored {
        let Learner { sums, events, seen, fresh, hour, weights, grades, resets, .. } = learner;
        Stored {
            sums: sums.map(Vec::from).into(),
            events: events.into(),
            seen,
            fresh,
            hour,
            weights: weights.map(Vec::from).into(),
            grades,
            resets,
        }
    }
}

impl TryFrom<Stored> for Learner {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Learner, &'static str> {
        let Stored { sums, events, seen, fresh, hour, weights, grades, resets } = stored;
        let other = "there is not a number for every gate and source";
        Ok(Learner {
            sums: table(sums).ok_or(other)?,
            events: events.try_into().map_err(|_| other)?,
            seen,
            fresh,
            hour,
            weights: Arc::new(table(weights).ok_or(other)?),
            grades,
            resets,
            start: &START,
        })
    }
}

/// Numbers by gate and source; `None` if there are more or fewer.
pub fn table<T>(rows: Vec<Vec<T>>) -> Option<[[T; SOURCES]; GATES]> {
    let rows: Option<Vec<[T; SOURCES]>> =
        rows.into_iter().map(|row| <[T; SOURCES]>::try_from(row).ok()).collect();
    rows?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::grade::parts;

    /// A grade of the gate that only these sources account for, by what they give to it and weigh.
    fn grade(learner: &Learner, gate: usize, sources: &[(usize, f64)]) -> Grade {
        let mut evidence = [0.0; SOURCES];
        sources.iter().for_each(|&(source, given)| evidence[source] = given);
        let parts = parts(&evidence, &learner.weights()[gate]);
        Grade { day: 1, gate, is: [true; 2], places: [[1; 3]; 4], parts }
    }

    fn share(learner: &Learner, gate: usize, source: usize) -> f64 {
        learner.weights()[gate][source]
    }

    #[test]
    fn weights_become_the_share_of_what_came_that_a_source_accounts_for() {
        let mut learner = Learner::new(&START);
        let mut hour = 0;
        for event in 0..20_000 {
            // Of three that come, source 9 alone accounts for two, and source 20 for one.
            let source = if event % 3 < 2 { 9 } else { 20 };
            learner.add(&grade(&learner, 3, &[(source, 0.2)]));
            if event % 500 == 0 {
                hour += 1;
                learner.step(hour);
            }
        }
        learner.step(hour + 1);
        assert!((share(&learner, 3, 9) - 2.0 / 3.0).abs() < 0.02, "{}", share(&learner, 3, 9));
        assert!((share(&learner, 3, 20) - 1.0 / 3.0).abs() < 0.02);
        // A gate without any grade goes by those of the others.
        assert!((share(&learner, 0, 9) - share(&learner, 3, 9)).abs() < 0.02);
        let sum: f64 = learner.weights()[3].iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    }

    #[test]
    fn steps_are_made_when_an_hour_ends_and_at_first_when_grades_have_doubled() {
        let mut learner = Learner::new(&START);
        let mut steps = Vec::new();
        for event in 1..=4_000 {
            learner.add(&grade(&learner, 0, &[(1, 1.0)]));
            if learner.step(7) {
                steps.push(event);
            }
        }
        // The first of an hour is made at once.
        assert_eq!(steps, [1, 251, 502, 1_004, 2_008]);
        assert!(learner.step(8));
        assert!(!learner.step(9), "nothing came");
    }

    #[test]
    fn sums_are_the_same_in_any_order() {
        let (mut one, mut other) = (Learner::new(&START), Learner::new(&START));
        let sources: Vec<(usize, f64)> =
            (0..66).map(|source| (source, 1.0 / (1.0 + source as f64))).collect();
        let grades: Vec<Grade> =
            (0..60).map(|at| grade(&one, at % 6, &sources[at % 7..at])).collect();
        grades.iter().for_each(|grade| one.add(grade));
        grades.iter().rev().for_each(|grade| other.add(grade));
        assert!(one.step(1) && other.step(1));
        assert_eq!(one, other);
        assert_eq!(Learner::try_from(Stored::from(one.clone())), Ok(one.clone()));
        let stored = Stored { events: vec![1; GATES + 1], ..Stored::from(one) };
        assert!(Learner::try_from(stored).is_err());
    }

    #[test]
    fn a_hundred_bought_visitors_do_not_turn_a_shops_ranking() {
        let mut learner = Learner::new(&START);
        let mut hour = 0;
        let mut visit = |learner: &mut Learner, source: usize, events: usize| {
            for event in 0..events {
                learner.add(&grade(learner, 2, &[(source, 1.0)]));
                if event % 100 == 0 {
                    hour += 1;
                    learner.step(hour);
                }
            }
        };
        visit(&mut learner, 9, 50_000);
        let before = share(&learner, 2, 9);
        // As many events as count of one visit, of a hundred visitors that are all in the sample.
        visit(&mut learner, 20, 100 * super::super::mixture::MAX_GRADED);
        let after = share(&learner, 2, 9);
        assert!(0.98 < before && 0.9 < after, "{before} {after}");
    }
}
