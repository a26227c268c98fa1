//! The model: weights, blend and rules. All may change at run time, and then apply to all history.

use super::merchandising::Merchandising;
use super::scale::Scale;
use super::weights::Weights;
use serde::{Deserialize, Serialize};

/// The weights, the blend of rankings and the rules of the shop for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The weight of each kind of event.
    pub weights: Weights,
    /// How much the shop wants of parts of a recommendation's score.
    pub blend: Blend,
    /// The rules of the shop. Models that were stored before there were any have none.
    #[serde(default)]
    pub rules: Merchandising,
    /// What is wanted of the weights of the mixture. Models that were stored before there were any want nothing.
    #[serde(default)]
    pub ranking: RankingWeights,
}

/// What a shop wants of the weights that rankings are mixed by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RankingWeights {
    /// The weights in force, whatever is learned; by gate and source.
    pub pinned: Option<Vec<Vec<f64>>>,
    /// When this grows, what was learned is forgotten.
    pub resets: u32,
}

/// How much a shop wants of parts of a recommendation's score, against 1 for what the mixture gives them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Blend {
    /// Of what is popular in the tags of the visit, or else of the profile.
    pub tags: f64,
    /// Of what is popular overall.
    pub trend: f64,
    /// Of the products that were touched in the visit.
    pub repeat: f64,
    /// Of all that follows from what was touched before the visit.
    pub earlier: f64,
}

impl Default for Blend {
    fn default() -> Blend {
        Blend { tags: 1.0, trend: 1.0, repeat: 1.0, earlier: 1.0 }
    }
}

/// A model that a question brings. What it does not bring is as it is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnModel {
    /// The weight of each kind of event.
    pub weights: Option<Weights>,
    /// How much is wanted of parts of a score.
    pub blend: Option<Blend>,
}

/// All that scoring depends on, as of a logical time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelAt {
    /// The weights of events, and the day of the newest one.
    pub scale: Scale,
    /// How much the shop wants of parts of a score.
    pub blend: Blend,
    /// The share of moments that repeat the product of the moment before them in the visit.
    pub repeat_rate: f64,
}

impl ModelAt {
    /// The same with what a question brings of its own.
    #[must_use]
    pub fn with(self, own: OwnModel) -> ModelAt {
        let weights = own.weights.unwrap_or(self.scale.weights);
        let scale = Scale { weights, ..self.scale };
        ModelAt { scale, blend: own.blend.unwrap_or(self.blend), ..self }
    }
}
