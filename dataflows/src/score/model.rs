//! The model: weights, blend and rules. All may change at run time, and then apply to all history.

use super::counts::Counts;
use super::merchandising::Merchandising;
use super::weights::Weights;
use serde::{Deserialize, Serialize};

/// The weights, the blend of rankings and the rules of the shop for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The weight of each kind of event.
    pub weights: Weights,
    /// The factors of the terms of a recommendation's score.
    pub blend: Blend,
    /// The rules of the shop. Models that were stored before there were any have none.
    #[serde(default)]
    pub rules: Merchandising,
}

/// The factors of the terms of a recommendation's score; [`crate::ranking`] has the formula.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Blend {
    /// The number of newest products of the visit whose rows count.
    pub products: u16,
    /// The weight of a product's row falls to 1/e in this many places, back from the newest.
    pub recency: f64,
    /// The weight of a partner that came before, against 1 for one that came after.
    pub before: f64,
    /// The weight of a pair more than five minutes apart, against 1 for a nearer one.
    pub far: f64,
    /// The mass at which a product's row counts half, so that rows of little evidence count little.
    pub doubt: f64,
    /// The weight of evidence of so many days is 1/√2, and of n times as many 1/√(1 + n): it falls fast at first, and
    /// never to nothing.
    pub fade_days: f64,
    /// Added to the newest product of the visit, besides its learned repeat rate.
    pub repeat: f64,
    /// `repeat` falls to 1/e in this many places.
    pub repeat_recency: f64,
    /// The number of newest products from before the visit whose rows count.
    pub earlier_products: u16,
    /// The weight of the newest of these, against 1 for the newest of the visit.
    pub earlier: f64,
    /// `earlier` and `earlier_repeat` fall to 1/e in this many places.
    pub earlier_recency: f64,
    /// Added to the newest product from before the visit.
    pub earlier_repeat: f64,
    /// The weight of what is popular in the visit's tags, or else in the profile's.
    pub tags: f64,
    /// The weight of what is popular overall.
    pub trend: f64,
}

impl Default for Blend {
    /// As tuned in `docs/quality.md`.
    fn default() -> Blend {
        Blend {
            products: 10,
            recency: 1.5,
            before: 1.0,
            far: 0.5,
            doubt: 30.0,
            fade_days: 10.0,
            repeat: 0.03,
            repeat_recency: 2.0,
            earlier_products: 20,
            earlier: 0.02,
            earlier_recency: 30.0,
            earlier_repeat: 0.006,
            tags: 0.3,
            trend: 0.01,
        }
    }
}

/// The weights, the blend and the day as of a logical time: all that scoring depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelAt {
    /// The weight of each kind of event.
    pub weights: Weights,
    /// The factors of the terms of a recommendation's score.
    pub blend: Blend,
    /// The day of the newest event, counted from the Unix epoch.
    pub today: u16,
    /// The share of moments that repeat the product of the moment before them in the visit.
    pub repeat_rate: f64,
}

impl ModelAt {
    /// The score of a day's counts, faded by the day's age.
    pub fn score(&self, counts: Counts, day: u16) -> f64 {
        self.weights.score(counts).to_f64() * self.fade(day)
    }

    /// The weight of a day, falling from 1 for today.
    pub fn fade(&self, day: u16) -> f64 {
        let age = f64::from(self.today.saturating_sub(day));
        1.0 / (1.0 + age / self.blend.fade_days).sqrt()
    }
}
