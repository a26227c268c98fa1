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
    /// How many of the newest distinct products count.
    pub products: u16,
    /// After how many products of the visit, back from the newest, one counts 1/e.
    pub recency: f64,
    /// What a product of the visit before last counts, against one of the last; and so on back.
    pub earlier: f64,
    /// How much a product's row is held down by its mass: 0 not at all, 1 all rows weigh the same.
    pub mass: f64,
    /// After how many days evidence counts 1/e.
    pub fade_days: f64,
    /// What it counts that a product came before, not after.
    pub before: f64,
    /// What it counts that a product was touched again.
    pub again: f64,
    /// The share of what the visitor saw in this visit already.
    pub repeat: f64,
    /// After how many products one that was seen counts 1/e for [`Blend::repeat`].
    pub repeat_recency: f64,
    /// The share of the user's tags.
    pub tags: f64,
    /// The share of what is popular overall.
    pub trend: f64,
}

impl Default for Blend {
    fn default() -> Blend {
        Blend {
            products: 10,
            recency: 2.0,
            earlier: 0.5,
            mass: 0.85,
            fade_days: 4.0,
            before: 1.0,
            again: 3.0,
            repeat: 0.3,
            repeat_recency: 1.5,
            tags: 0.05,
            trend: 0.001,
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
