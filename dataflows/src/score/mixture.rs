//! The mixture: how much each source of evidence counts in a ranking, by how long the visit is.
//!
//! A source gives each product a number near enough the probability that it comes next. Its weight is the share of
//! what came next that it accounts for, among all sources together.

use super::model::{Blend, ModelAt};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// The places in the visit that count together; the newest product's is 0.
const IN_VISIT: [Range<usize>; 6] = [0..1, 1..2, 2..4, 4..8, 8..16, 16..20];
/// The places before the visit that count together.
const BEFORE: [Range<usize>; 2] = [0..5, 5..10];
/// The groups of places.
pub const GROUPS: usize = IN_VISIT.len() + BEFORE.len();
/// The most products of a visit that a ranking goes by.
pub const MAX_IN_VISIT: usize = IN_VISIT[IN_VISIT.len() - 1].end;
/// The most products from before a visit that a ranking goes by.
pub const MAX_BEFORE: usize = BEFORE[BEFORE.len() - 1].end;
/// What comes next is graded while a visit has at most so many products, so that no visit counts for much.
pub const MAX_GRADED: usize = 20;
/// The least numbers of products in the visit of every gate but the first.
const GATE_BOUNDS: [usize; 5] = [2, 3, 5, 9, 17];
/// The gates: lengths of the visit that have weights of their own.
pub const GATES: usize = GATE_BOUNDS.len() + 1;
/// The sources of one group of places.
const OF_PLACE: usize = 8;
/// All sources: those of each group of places, what is popular, and what is popular today.
pub const SOURCES: usize = GROUPS * OF_PLACE + 2;

/// The gates' lengths of a visit, as users see them.
pub const GATE_NAMES: [&str; GATES] = ["1", "2", "3-4", "5-8", "9-16", "17+"];
/// The groups of places, and the sources of each, as users see them.
const GROUP_NAMES: [&str; GROUPS] = [
    "visit 1",
    "visit 2",
    "visit 3-4",
    "visit 5-8",
    "visit 9-16",
    "visit 17-20",
    "before 1-5",
    "before 6-10",
];
const OF_PLACE_NAMES: [&str; OF_PLACE] = [
    "within 1 minute",
    "within 3 minutes",
    "within 8 minutes",
    "within 30 minutes",
    "directly next",
    "two steps",
    "itself",
    "tags",
];

/// The names of all sources, as users see them.
pub fn source_names() -> Vec<String> {
    let of_group =
        |group: &str| OF_PLACE_NAMES.map(|source| format!("{group}: {source}")).into_iter();
    let popular = ["popular", "popular today"].map(String::from);
    GROUP_NAMES.into_iter().flat_map(of_group).chain(popular).collect()
}

/// The sums of a product in a row of the pairs by the minutes between the two moments.
pub const BINS: usize = 4;
/// All its sums: also of what followed directly.
pub const PAIR_SUMS: usize = BINS + 1;
/// The mass at which a list of products counts half, so that one of little evidence counts little.
pub const DOUBT: f64 = 1.0;

/// The weights of all sources, by gate.
pub type SourceWeights = [[f64; SOURCES]; GATES];

/// How many products of a visitor a ranking goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// Those in the visit.
    pub in_visit: usize,
    /// Those before it.
    pub before: usize,
    /// Whether a question told them, rather than that they are known of a user.
    pub are_told: bool,
}

/// The weights of the sources of one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaceWeights {
    /// The pairs in its row, by their sums.
    pub pairs: [f64; PAIR_SUMS],
    /// The pairs of its best partners.
    pub two_steps: f64,
    /// The product itself.
    pub itself: f64,
}

/// The weights in force.
#[derive(Clone, Debug)]
pub struct WeightsInForce {
    /// Those that a shop starts with.
    pub start: &'static SourceWeights,
    /// Those that were learned or pinned, if there are any.
    pub learned: Option<Arc<SourceWeights>>,
}

/// The least weight of the newest product itself, in a visit that a question tells: one may lack products in between, so the
/// newest may come again though no visitor touches one twice in a row.
const TOLD_AGAIN: f64 = 0.05;

/// The weights of one ranking.
#[derive(Clone, Debug)]
pub struct Mixture {
    places: Places,
    weights: [f64; SOURCES],
    blend: Blend,
}

impl Places {
    /// The gate that the visit's length is of.
    pub fn gate(self) -> usize {
        GATE_BOUNDS.iter().filter(|bound| **bound <= self.in_visit).count()
    }

    /// The group of a place, and the number of places in it; none beyond the last group.
    pub fn group(self, in_visit: bool, place: usize) -> Option<(usize, usize)> {
        let (groups, first, all): (&[Range<usize>], _, _) = if in_visit {
            (&IN_VISIT, 0, self.in_visit)
        } else {
            (&BEFORE, IN_VISIT.len(), self.before)
        };
        let group = groups.iter().position(|places| places.contains(&place))?;
        let Range { start, end } = groups[group];
        Some((first + group, end.min(all.max(place + 1)) - start))
    }
}

impl Mixture {
    /// The weights for a visit: those of its gate. Without any that were learned they are those of the start, but that the
    /// product of the moment comes again by the share of moments that repeat the product before them: that is known
    /// long before weights are, and differs most from shop to shop.
    pub fn new(places: Places, model_at: &ModelAt, weights: &WeightsInForce) -> Mixture {
        let ModelAt { repeat_rate, blend, .. } = *model_at;
        let gate = places.gate();
        let WeightsInForce { start, learned } = weights;
        let mut weights =
            learned.as_ref().map_or_else(|| again(start[gate], repeat_rate), |all| all[gate]);
        if places.are_told {
            weights[ITSELF] = weights[ITSELF].max(TOLD_AGAIN);
        }
        Mixture { places, weights, blend }
    }

    /// As if all sources weighed 1, so that what they give is seen.
    pub fn even(places: Places) -> Mixture {
        Mixture { places, weights: [1.0; SOURCES], blend: Blend::default() }
    }

    /// The weights, whatever the shop wants more or less of.
    pub fn weights(&self) -> &[f64; SOURCES] {
        &self.weights
    }

    /// The weights of a place, in the visit or before it, none of which count beyond the last group.
    pub fn of(&self, in_visit: bool, place: usize) -> Option<PlaceWeights> {
        let (group, places) = self.places.group(in_visit, place)?;
        #[allow(clippy::cast_precision_loss, reason = "there are few places")]
        let share = self.earlier(group) / places as f64;
        let weight = |source: usize| self.weights[group * OF_PLACE + source] * share;
        Some(PlaceWeights {
            pairs: std::array::from_fn(weight),
            two_steps: weight(TWO_STEPS),
            itself: weight(ITSELF) * self.blend.repeat,
        })
    }

    /// The weight of what is popular in a tag that is so much of the tags of the places of each group.
    pub fn of_tag(&self, shares: &[f64; GROUPS]) -> f64 {
        let shares = shares.iter().enumerate();
        let weights = shares.map(|(group, share)| {
            share * self.weights[group * OF_PLACE + TAGS] * self.earlier(group)
        });
        weights.sum::<f64>() * self.blend.tags
    }

    /// The weights of what is popular, long and today.
    pub fn popular(&self) -> [f64; 2] {
        POPULAR.map(|source| self.weights[source] * self.blend.trend)
    }

    fn earlier(&self, group: usize) -> f64 {
        if group < IN_VISIT.len() { 1.0 } else { self.blend.earlier }
    }
}

/// Weights of a gate, but that the product of the moment comes again by a rate.
fn again(mut weights: [f64; SOURCES], repeat_rate: f64) -> [f64; SOURCES] {
    let rest = (1.0 - repeat_rate) / (1.0 - weights[ITSELF]);
    weights.iter_mut().for_each(|weight| *weight *= rest);
    weights[ITSELF] = repeat_rate;
    weights
}

/// What each source gives to one product, near enough a probability.
#[derive(Clone, Debug)]
pub struct Given(pub [f64; SOURCES]);

impl Given {
    /// Adds what the row of a place gives, by its sums.
    pub fn add_pairs(&mut self, group: usize, sums: [f64; PAIR_SUMS]) {
        let first = group * OF_PLACE;
        self.0[first..first + PAIR_SUMS]
            .iter_mut()
            .zip(sums)
            .for_each(|(given, sum)| *given += sum);
    }

    /// Adds what the partners of the newest product give.
    pub fn add_step(&mut self, share: f64) {
        self.0[TWO_STEPS] += share;
    }

    /// Adds that it is the product of a place.
    pub fn add_itself(&mut self, group: usize, share: f64) {
        self.0[group * OF_PLACE + ITSELF] += share;
    }

    /// Adds what a tag gives, which is so much of the tags of the places of each group.
    pub fn add_tag(&mut self, shares: &[f64; GROUPS], popular: f64) {
        for (group, share) in shares.iter().enumerate() {
            self.0[group * OF_PLACE + TAGS] += share * popular;
        }
    }

    /// Adds what is popular, long and today.
    pub fn add_popular(&mut self, popular: [f64; 2]) {
        POPULAR.into_iter().zip(popular).for_each(|(source, popular)| self.0[source] += popular);
    }
}

/// The sources of what is popular, long and today.
const POPULAR: [usize; 2] = [SOURCES - 2, SOURCES - 1];
/// The places of sources among those of one group of places, after the pairs.
const TWO_STEPS: usize = PAIR_SUMS;
const ITSELF: usize = 6;
const TAGS: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_by_groups_and_visits_by_their_length() {
        let gates = [0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 400];
        let gates = gates.map(|in_visit| Places { in_visit, ..Places::default() }.gate());
        assert_eq!(gates, [0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
        let places = Places { in_visit: 7, before: 9, are_told: false };
        for (in_visit, place, expected) in [
            (true, 0, Some((0, 1))),
            (true, 3, Some((2, 2))),
            (true, 6, Some((3, 3))),
            (true, 20, None),
            (false, 4, Some((6, 5))),
            (false, 8, Some((7, 4))),
            (false, 10, None),
        ] {
            assert_eq!(places.group(in_visit, place), expected, "{in_visit} {place}");
        }
    }

    #[test]
    fn the_weights_of_each_gate_are_shares() {
        for weights in crate::score::start::START {
            assert!(weights.iter().all(|weight| (0.0..1.0).contains(weight)));
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-3);
        }
    }
}
