//! The weights of a view, a cart and a purchase, as exact fixed-point numbers.

use super::counts::Counts;
use crate::record::event::Kind;
use differential_dataflow::difference::Multiply;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A weight or a score in millionths, so that sums are exact.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Score(pub i64);

impl Score {
    /// A score of 1.
    pub const UNIT: i64 = 1_000_000;

    /// The nearest score to a number; `None` if the number is not finite or beyond ±1e12.
    pub fn from_f64(value: f64) -> Option<Score> {
        if !(-1e12..=1e12).contains(&value) {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, reason = "1e18 is within i64")]
        Some(Score((value * 1e6).round() as i64))
    }

    /// The nearest number to the score.
    pub fn to_f64(self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "rounding is what the caller asks for")]
        let value = self.0 as f64 / Score::UNIT as f64;
        value
    }
}

impl fmt::Display for Score {
    /// Writes whole numbers without a decimal point, others with as many decimals as they need.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / Score::UNIT, (self.0 % Score::UNIT).unsigned_abs());
        if part == 0 {
            return write!(f, "{whole}");
        }
        let sign = if self.0 < 0 && whole == 0 { "-" } else { "" };
        let digits = format!("{part:06}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// The weight of each kind of event, in the order of [`Kind::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Weights(pub [Score; 3]);

impl Default for Weights {
    /// 1, 3 and 5.
    fn default() -> Weights {
        Weights([1, 3, 5].map(|weight| Score(weight * Score::UNIT)))
    }
}

impl Weights {
    /// The weight of a kind.
    pub fn of(&self, kind: Kind) -> Score {
        self.0[kind.index()]
    }

    /// `counts · weights`; saturates rather than wraps.
    #[inline]
    pub fn score(&self, counts: Counts) -> Score {
        let products = counts.0.iter().zip(self.0);
        Score(products.fold(0, |sum, (&count, weight)| {
            i64::from(count).saturating_mul(weight.0).saturating_add(sum)
        }))
    }
}

/// Counts joined with weights are scores. The product is bilinear, so that either side may change.
impl Multiply<Weights> for Counts {
    type Output = i64;
    fn multiply(self, weights: &Weights) -> i64 {
        let Score(score) = weights.score(self);
        score
    }
}
