//! Stands in until the settings have a parser of weights.

use dataflows::event::Kind;
use dataflows::weights::{Score, Weights};
use serde_json::Value;

pub(super) fn parse_weights(json: &[u8]) -> Result<Weights, String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let mut weights = Weights::default();
    for kind in Kind::ALL {
        weights.0[kind.index()] = value[kind.name()]
            .as_f64()
            .and_then(Score::from_f64)
            .ok_or_else(|| format!("no {}", kind.name()))?;
    }
    Ok(weights)
}
