//! What a shop wants of the weights of rankings, as JSON: those that it pins, and how often what was learned is forgotten.

use super::{RANKING, Setting};
use dataflows::score::learner::table;
use dataflows::score::mixture::{GATES, SOURCES};
use dataflows::score::model::{Model, RankingWeights};
use parser::{brief, without_byte_order_mark};

/// The most that the weights of a gate may add up to.
const MOST: f64 = 1e6;

/// Why a text is no [`RankingWeights`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RankingError {
    /// It is not a JSON object of them.
    #[error("it must be a JSON object of pinned and resets: {0}")]
    Shape(String),
    /// There are too many weights, or too few.
    #[error(
        "pinned must be {GATES} lists, one for each length of a visit, of {SOURCES} numbers each"
    )]
    Number,
    /// A weight is none.
    #[error(
        "pinned[{gate}][{source_index}] must be a number from 0 to 1000000, which {value} is not"
    )]
    Value {
        /// The list.
        gate: usize,
        /// The number in it.
        source_index: usize,
        /// What it is.
        value: String,
    },
    /// A list ranks nothing.
    #[error("pinned[{0}] has no number above 0")]
    Nothing(usize),
}

impl Setting for RankingWeights {
    const PATH: &'static str = RANKING;
    const NAME: &'static str = "ranking";
    type Error = RankingError;

    fn parse(text: &[u8]) -> Result<RankingWeights, RankingError> {
        let text = without_byte_order_mark(text);
        // Serde would accept an array as well, with the fields in order.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(RankingError::Shape("it is none".into()));
        }
        let wanted: RankingWeights =
            serde_json::from_slice(text).map_err(|error| RankingError::Shape(brief(&error)))?;
        wanted.pinned.as_deref().map_or(Ok(()), check)?;
        Ok(wanted)
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers that are finite have a JSON")
    }

    fn of(model: &Model) -> RankingWeights {
        model.ranking.clone()
    }
}

fn check(pinned: &[Vec<f64>]) -> Result<(), RankingError> {
    for (gate, weights) in pinned.iter().enumerate() {
        for (source_index, weight) in weights.iter().enumerate() {
            if !(0.0..=MOST).contains(weight) {
                let value = weight.to_string();
                return Err(RankingError::Value { gate, source_index, value });
            }
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            return Err(RankingError::Nothing(gate));
        }
    }
    table(pinned.to_vec()).map(|_| ()).ok_or(RankingError::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_and_checked() {
        let weights = vec![vec![0.5; SOURCES]; GATES];
        let json = |weights: &[Vec<f64>]| format!(r#"{{"pinned":{weights:?},"resets":3}}"#);
        let changed = |gate: usize, weight: f64| {
            let mut weights = weights.clone();
            weights[gate][7] = weight;
            json(&weights)
        };
        for (text, expected) in [
            ("{}".into(), Ok(RankingWeights::default())),
            (r#"{"pinned":null}"#.into(), Ok(RankingWeights::default())),
            (json(&weights), Ok(RankingWeights { pinned: Some(weights.clone()), resets: 3 })),
            (json(&weights[1..]), Err("pinned must be 6 lists, one for each length of a visit")),
            (changed(2, -0.5), Err("pinned[2][7] must be a number from 0 to 1000000, which -0.5")),
            (json(&vec![vec![0.0; SOURCES]; GATES]), Err("pinned[0] has no number above 0")),
            (r#"{"pined":null}"#.into(), Err("it must be a JSON object of pinned and resets: unk")),
            (r#"{"resets":-1}"#.into(), Err("it must be a JSON object of pinned and resets: inv")),
            ("[]".into(), Err("it must be a JSON object of pinned and resets: it is none")),
        ] {
            match (RankingWeights::parse(text.as_bytes()), expected) {
                (Ok(wanted), Ok(expected)) => {
                    assert_eq!(wanted, expected);
                    assert_eq!(RankingWeights::parse(wanted.to_json().as_bytes()), Ok(wanted));
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().starts_with(expected), "{error}");
                }
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        }
    }
}
