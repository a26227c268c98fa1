//! What an event counts for by its kind and age, in whole numbers: so sums are the same in whatever order they are made.

use super::counts::Counts;
use super::weights::{Score, Weights};
use serde::{Deserialize, Serialize};

/// Evidence of so many days counts 1/√2, and of n times as many 1/√(1 + n): it falls fast at first, and never to nothing.
const FADE_DAYS: f64 = 10.0;
/// What came before a product counts so much in its row, against 1 for what came after.
const BACKWARDS: f64 = 0.7;
/// What is popular today falls to a part of this many by the next day.
const TODAY_FALLS_BY: i32 = 5;
/// The most that one event counts for, in millionths, so that nine million events of one product can be added up.
const MAX_UNIT: f64 = 1e12;

/// What sums depend on: the weights of events, and the day that ages are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// The weight of each kind of event.
    pub weights: Weights,
    /// The day of the newest event, counted from the Unix epoch.
    pub today: u16,
}

/// What one event of each kind counts for on a day, in millionths.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    /// In sums that fade slowly.
    pub long: [i64; 3],
    /// The same, of what came before.
    pub backwards: [i64; 3],
    /// In sums that are about today.
    pub today: [i64; 3],
}

impl Scale {
    /// The units of a day.
    pub fn units(&self, day: u16) -> Units {
        let age = self.today.saturating_sub(day);
        let long = fade(age);
        let today = f64::from(TODAY_FALLS_BY).powi(-i32::from(age));
        let units = |factor: f64| self.weights.0.map(|weight| unit(weight, factor));
        Units { long: units(long), backwards: units(long * BACKWARDS), today: units(today) }
    }
}

/// The weight of evidence that is so many days old, against 1 for that of today.
pub fn fade(age: u16) -> f64 {
    1.0 / (1.0 + f64::from(age) / FADE_DAYS).sqrt()
}

/// A weight times a factor, to the nearest millionth.
fn unit(weight: Score, factor: f64) -> i64 {
    #[allow(clippy::cast_precision_loss, reason = "rounding is meant")]
    let unit = weight.0 as f64 * factor;
    #[allow(clippy::cast_possible_truncation, reason = "it is within i64")]
    let unit = unit.clamp(-MAX_UNIT, MAX_UNIT).round() as i64;
    unit
}

/// `counts · units`.
pub fn total(counts: Counts, units: &[i64; 3]) -> i64 {
    counts.0.iter().zip(units).map(|(&count, unit)| i64::from(count) * unit).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_is_what_was_added_whatever_the_order() {
        let scale = Scale { weights: Weights::default(), today: 1000 };
        for age in [0, 1, 7, 30, 180, 999] {
            let Units { long, backwards, today } = scale.units(1000 - age);
            for units in [long, backwards, today] {
                let one = total(Counts([1, 0, 0]), &units);
                assert_eq!(total(Counts([7, 0, 0]), &units), 7 * one);
                assert_eq!(total(Counts([-7, 0, 0]), &units), -7 * one);
            }
        }
    }

    #[test]
    fn evidence_fades_by_its_age_and_what_is_hot_within_days() {
        let scale = Scale { weights: Weights::default(), today: 30 };
        let [new, old] = [30, 0].map(|day| scale.units(day));
        assert_eq!(
            (new.long, old.long),
            ([1_000_000, 3_000_000, 5_000_000], [500_000, 1_500_000, 2_500_000])
        );
        assert_eq!((new.backwards[0], old.backwards[0]), (700_000, 350_000));
        assert_eq!((new.today[0], scale.units(29).today[0], old.today[0]), (1_000_000, 200_000, 0));
    }
}
