//! How counts are looked at: what may change at run time, and holds for all history at once.

use crate::score::counts::Counts;
use crate::score::weights::Weights;
use serde::{Deserialize, Serialize};

/// Everything about the ranking that may change at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// What each kind of event is worth.
    pub weights: Weights,
    /// How the parts of a recommendation's score are mixed.
    pub blend: Blend,
}

/// How the parts of a recommendation's score are mixed; [`crate::ranking`] has the formula.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Blend {
    /// How many of the newest products of the visit count.
    pub products: u16,
    /// After how many products of the visit, back from the newest, one counts 1/e.
    pub recency: f64,
    /// What it counts that a product came before, against after.
    pub before: f64,
    /// What it counts that two products were touched further apart than five minutes, against nearer.
    pub far: f64,
    /// How much evidence a product's row must have to count half: what little is known of says
    /// little.
    pub doubt: f64,
    /// After how many days evidence counts 1/e.
    pub fade_days: f64,
    /// What it adds that a product is the newest of the visit, besides what is learned of that.
    pub repeat: f64,
    /// After how many products of the visit that is 1/e.
    pub repeat_recency: f64,
    /// How many of the newest products from before the visit count.
    pub earlier_products: u16,
    /// What the newest of them counts, against the newest of the visit.
    pub earlier: f64,
    /// After how many of them one counts 1/e.
    pub earlier_recency: f64,
    /// What it adds that a product is the newest of them.
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
            recency: 1.5,
            before: 1.0,
            far: 0.5,
            doubt: 30.0,
            fade_days: 4.0,
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

/// The model and the day as of the time of a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelAt {
    /// The model.
    pub model: Model,
    /// The day of the newest event, counted from the Unix epoch.
    pub today: u16,
    /// How often a visitor touches the same product again at once: a share of all moments that
    /// follow another in a visit.
    pub repeat_rate: f64,
}

impl ModelAt {
    /// What the counts of a day are worth today.
    pub fn worth(&self, counts: Counts, day: u16) -> f64 {
        self.model.weights.score(counts).to_f64() * self.fade(day)
    }

    /// What a day counts, today being 1.
    pub fn fade(&self, day: u16) -> f64 {
        let age = f64::from(self.today.saturating_sub(day));
        (-age / self.model.blend.fade_days).exp()
    }
}
