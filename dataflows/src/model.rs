//! How counts are looked at: what may change at run time, and holds for all history at once.

use crate::counts::Counts;
use crate::weights::Weights;
use serde::{Deserialize, Serialize};

/// Everything about the ranking that may change at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// What each kind of event is worth.
    pub weights: Weights,
    /// How the parts of a recommendation's score are mixed.
    pub blend: Blend,
}

/// How the parts of a recommendation's score are mixed; [`crate::recommend`] has the formula.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Blend {
    /// How many of the newest products count, of the visit and of what was before.
    pub products: u16,
    /// After how many products of the visit, back from the newest, one counts 1/e.
    pub recency: f64,
    /// What it counts that a product came before, against after.
    pub before: f64,
    /// What it counts that a product of the visit is touched again, against another one.
    pub again: f64,
    /// How much a product's row is held down by its mass: 0 not at all, 1 all rows weigh the same.
    pub mass: f64,
    /// After how many days evidence counts 1/e.
    pub fade_days: f64,
    /// What it adds that a product is in the visit.
    pub repeat: f64,
    /// After how many products of the visit that is 1/e.
    pub repeat_recency: f64,
    /// What the newest product from before the visit counts, against the newest of the visit.
    pub earlier: f64,
    /// After how many products from before the visit one counts 1/e.
    pub earlier_recency: f64,
    /// What it adds that a product was touched before the visit.
    pub earlier_repeat: f64,
    /// What is popular in the visit's tags, or else in the user's.
    pub tags: f64,
    /// What is popular overall.
    pub trend: f64,
}

impl Default for Blend {
    /// As tuned in `docs/quality.md`.
    fn default() -> Blend {
        Blend {
            products: 10,
            recency: 2.0,
            before: 0.5,
            again: 3.0,
            mass: 0.85,
            fade_days: 4.0,
            repeat: 0.3,
            repeat_recency: 1.5,
            earlier: 0.05,
            earlier_recency: 10.0,
            earlier_repeat: 0.015,
            tags: 0.1,
            trend: 0.01,
        }
    }
}

/// The model and the day as of the time of a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lens {
    /// The model.
    pub model: Model,
    /// The day of the newest event, counted from the Unix epoch.
    pub today: u16,
}

impl Lens {
    /// What the counts of a day are worth today.
    pub fn worth(&self, counts: Counts, day: u16) -> f64 {
        let age = f64::from(self.today.saturating_sub(day));
        self.model.weights.score(counts).to_f64() * (-age / self.model.blend.fade_days).exp()
    }
}
