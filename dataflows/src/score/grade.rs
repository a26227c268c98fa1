//! Grades: where the product that came was, in what would have been shown just before it.

use super::mixture::SOURCES;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The length of the part of a list that counts.
pub const LENGTH: u32 = 20;
/// The length of the part that HR@10 counts.
const SHORT: u32 = 10;
/// The days that grades are kept.
pub const KEPT_DAYS: u16 = 30;

/// What is graded: the ranking in force, and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Graded {
    /// The ranking by the weights in force.
    InForce,
    /// The ranking by the weights that a shop starts with.
    Start,
    /// What is popular.
    Popular,
    /// What the visitor has seen, the newest first.
    LastSeen,
}

impl Graded {
    /// All of them.
    pub const ALL: [Graded; 4] =
        [Graded::InForce, Graded::Start, Graded::Popular, Graded::LastSeen];

    /// The name, as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Graded::InForce => "in_force",
            Graded::Start => "start",
            Graded::Popular => "popular",
            Graded::LastSeen => "last_seen",
        }
    }
}

/// The names of the three ways in which lists are graded, as users see them: as they are; without the current product, for
/// what came other than that; without all products of the visit, for what came new to it.
pub const WAYS: [&str; 3] = ["all", "other", "new"];

/// The place of what came, counted from 1, in each way; 0 beyond those that count.
pub type PlacesOf = [u32; 3];

/// The grade of one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// The day of the event.
    pub day: u16,
    /// The gate of the visit before it.
    pub gate: usize,
    /// Whether what came was another product than the current one, and new to the visit.
    pub is: [bool; 2],
    /// The places of what came, by [`Graded::ALL`].
    pub places: [PlacesOf; 4],
    /// The parts of sources in the score of what came, in 2^-20, without those that have none.
    pub parts: Vec<(usize, i64)>,
}

/// A part of one, as [`Grade::parts`] are.
pub const ONE: i64 = 1 << 20;

/// The share of each source in the score of what came, of what each gave it and weighs; none if none gave it anything.
pub fn parts(evidence: &[f64; SOURCES], weights: &[f64; SOURCES]) -> Vec<(usize, i64)> {
    let weighed = |source: usize| evidence[source] * weights[source];
    let sum: f64 = (0..SOURCES).map(weighed).sum();
    if sum <= 0.0 {
        return Vec::new();
    }
    #[allow(clippy::cast_possible_truncation, reason = "it is a part of one")]
    #[allow(clippy::cast_precision_loss, reason = "one is a power of two")]
    let part = |source| (weighed(source) / sum * ONE as f64).round() as i64;
    (0..SOURCES).map(|source| (source, part(source))).filter(|(_, part)| *part != 0).collect()
}

/// Hits of lists, as sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hits {
    /// The number of lists.
    pub asked: u64,
    /// Those with what came among the first ten.
    pub hits10: u64,
    /// Those with what came among the first twenty.
    pub hits20: u64,
    /// The sum of 1/place among the first twenty, in 2^-20.
    pub reciprocal: u64,
    /// The sum of its squares, likewise.
    pub squares: u64,
}

/// A share with its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// The share.
    pub value: f64,
    /// Its standard error, of independent lists; none without any.
    pub standard_error: Option<f64>,
}

impl Hits {
    fn add(&mut self, place: u32) {
        self.asked += 1;
        if place == 0 {
            return;
        }
        let one = ONE.unsigned_abs();
        self.hits10 += u64::from(place <= SHORT);
        self.hits20 += 1;
        self.reciprocal += one / u64::from(place);
        self.squares += one / u64::from(place) / u64::from(place);
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Hits) {
        self.asked += other.asked;
        self.hits10 += other.hits10;
        self.hits20 += other.hits20;
        self.reciprocal += other.reciprocal;
        self.squares += other.squares;
    }

    /// HR@10, HR@20 and MRR@20.
    #[allow(clippy::cast_precision_loss, reason = "there are fewer than 2^53")]
    pub fn estimates(&self) -> [Estimate; 3] {
        let (asked, one) = (self.asked as f64, ONE as f64);
        let estimate = |sum: f64, squares: f64| {
            let mean = if self.asked == 0 { 0.0 } else { sum / asked };
            let variance = squares / asked - mean * mean;
            let error = (variance.max(0.0) / asked).sqrt();
            Estimate { value: mean, standard_error: (self.asked > 0).then_some(error) }
        };
        let share = |hits: u64| estimate(hits as f64, hits as f64);
        let reciprocal = estimate(self.reciprocal as f64 / one, self.squares as f64 / one);
        [share(self.hits10), share(self.hits20), reciprocal]
    }
}

/// The grades of days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grades {
    /// By day, what was graded, and the way.
    days: BTreeMap<u16, [[Hits; 3]; 4]>,
}

impl Grades {
    /// Adds a grade, and forgets days that are too old.
    pub fn add(&mut self, grade: &Grade) {
        let day = self.days.entry(grade.day).or_default();
        let [is_other, is_new] = grade.is;
        for (hits, places) in day.iter_mut().zip(&grade.places) {
            let asked = [true, is_other, is_new];
            for ((hits, place), _) in hits.iter_mut().zip(places).zip(asked).filter(|it| it.1) {
                hits.add(*place);
            }
        }
        let newest = self.days.last_key_value().map_or(0, |(day, _)| *day);
        self.days.retain(|day, _| newest < day.saturating_add(KEPT_DAYS));
    }

    /// The days, and by [`Graded::ALL`] and [`WAYS`] their hits.
    pub fn days(&self) -> impl DoubleEndedIterator<Item = (u16, &[[Hits; 3]; 4])> {
        self.days.iter().map(|(day, hits)| (*day, hits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_each_way_and_days_are_forgotten() {
        let mut grades = Grades::default();
        let grade = |day, is, place| Grade {
            day,
            gate: 0,
            is,
            places: [[place, place, place], [0; 3], [1; 3], [20; 3]],
            parts: Vec::new(),
        };
        grades.add(&grade(100, [true, false], 2));
        grades.add(&grade(100, [false, false], 11));
        let days: Vec<_> = grades.days().collect();
        let [in_force, start, popular, seen] = days[0].1;
        let [hr10, hr20, mrr] = in_force[0].estimates().map(|estimate| estimate.value);
        assert_eq!((in_force[0].asked, hr10, hr20), (2, 0.5, 1.0));
        assert!((mrr - (0.5 + 1.0 / 11.0) / 2.0).abs() < 1e-5);
        assert_eq!([in_force[1].asked, in_force[2].asked], [1, 0]);
        assert_eq!(start[0].estimates()[1], Estimate { value: 0.0, standard_error: Some(0.0) });
        assert_eq!(popular[0].estimates()[2].value, 1.0);
        assert_eq!((seen[0].hits10, seen[0].hits20), (0, 2));
        assert_eq!(in_force[2].estimates()[0].standard_error, None);
        grades.add(&grade(100 + KEPT_DAYS - 1, [true; 2], 1));
        assert_eq!(grades.days().count(), 2);
        grades.add(&grade(100 + KEPT_DAYS, [true; 2], 1));
        assert_eq!(grades.days().map(|(day, _)| day).collect::<Vec<_>>(), [129, 130]);
    }

    #[test]
    fn the_error_of_a_share_is_that_of_its_draws() {
        let mut hits = Hits::default();
        (0..100).for_each(|draw| hits.add(if draw < 20 { 1 } else { 0 }));
        let [hr10, _, mrr] = hits.estimates();
        assert!((hr10.standard_error.unwrap() - 0.04).abs() < 1e-9);
        assert!((mrr.standard_error.unwrap() - 0.04).abs() < 1e-5);
    }

    #[test]
    fn the_parts_of_a_score_add_up_to_one() {
        let (mut evidence, weights) = ([0.0; SOURCES], [1.0 / 66.0; SOURCES]);
        assert_eq!(parts(&evidence, &weights), []);
        (evidence[3], evidence[65]) = (0.1, 0.3);
        assert_eq!(parts(&evidence, &weights), [(3, ONE / 4), (65, ONE / 4 * 3)]);
    }
}
