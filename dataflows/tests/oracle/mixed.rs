//! The weights of the sources of a ranking, as they must be.

use crate::history::Seen;
use dataflows::score::model::{Blend, Model};
use dataflows::score::start::START;
use std::ops::Range;

/// The sources of a group of places: four links by minutes, what followed directly, and these.
pub(crate) const TWO_STEPS: usize = 5;
pub(crate) const ITSELF: usize = 6;
pub(crate) const TAGS: usize = 7;
const SOURCES: usize = 8;

/// The groups: whether they are in the visit, and their places.
const GROUPS: [(bool, Range<usize>); 8] = [
    (true, 0..1),
    (true, 1..2),
    (true, 2..4),
    (true, 4..8),
    (true, 8..16),
    (true, 16..20),
    (false, 0..5),
    (false, 5..10),
];

/// The weights of one ranking.
pub(crate) struct Mixed {
    in_visit: usize,
    before: usize,
    weights: Vec<f64>,
    blend: Blend,
}

impl Mixed {
    pub(crate) fn new(seen: &Seen, (repeat_rate, is_told): (f64, bool), model: &Model) -> Mixed {
        let (in_visit, before) = (seen.visit.len(), seen.earlier.len());
        let gate = match in_visit {
            0..=1 => 0,
            2 => 1,
            3..=4 => 2,
            5..=8 => 3,
            9..=16 => 4,
            _ => 5,
        };
        let (blend, least) = (model.blend, if is_told { 0.05 } else { 0.0 });
        if let Some(pinned) = &model.ranking.pinned {
            let mut weights = pinned[gate].clone();
            weights[ITSELF] = weights[ITSELF].max(least);
            return Mixed { in_visit, before, weights, blend };
        }
        let start = START[gate];
        let rest = (1.0 - repeat_rate) / (1.0 - start[ITSELF]);
        let mut weights: Vec<f64> = start.iter().map(|weight| weight * rest).collect();
        weights[ITSELF] = repeat_rate.max(least);
        Mixed { in_visit, before, weights, blend }
    }

    /// The weights of the sources of a place, which shares those of its group with the others that there are.
    pub(crate) fn of(&self, in_visit: bool, place: usize) -> [f64; SOURCES] {
        let mut groups = GROUPS.iter().enumerate();
        let of_place = groups.find(|(_, (of, places))| *of == in_visit && places.contains(&place));
        let (group, (_, places)) = of_place.expect("scripts have few products");
        let all = if in_visit { self.in_visit } else { self.before };
        // Who has no visit has the first place's weight for the tags of the profile.
        let there = places.clone().filter(|place| *place < all).count().max(1);
        let there = f64::from(u32::try_from(there).expect("few"));
        let earlier = if in_visit { 1.0 } else { self.blend.earlier };
        std::array::from_fn(|source| {
            let wanted = match source {
                ITSELF => self.blend.repeat,
                TAGS => self.blend.tags,
                _ => 1.0,
            };
            self.weights[group * SOURCES + source] * wanted * earlier / there
        })
    }

    /// The weights of what is popular, long and today.
    pub(crate) fn popular(&self) -> [f64; 2] {
        let after = GROUPS.len() * SOURCES;
        [0, 1].map(|source| self.weights[after + source] * self.blend.trend)
    }
}
