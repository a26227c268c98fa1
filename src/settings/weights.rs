//! The weights as JSON: an exact decimal for each kind of event.

use super::{Setting, WEIGHTS};
use dataflows::record::event::Kind;
use dataflows::score::model::Model;
use dataflows::score::weights::{Score, Weights};
use parser::{brief, without_byte_order_mark};
use serde::Deserialize;
use serde_json::value::RawValue;

impl Setting for Weights {
    const PATH: &'static str = WEIGHTS;
    const NAME: &'static str = "weights";
    type Error = WeightsError;

    fn parse(text: &[u8]) -> Result<Weights, WeightsError> {
        parse(text)
    }

    fn to_json(&self) -> String {
        to_json(self)
    }

    fn of(model: &Model) -> Weights {
        model.weights
    }
}

/// The largest weight. With it a score overflows only after nine million events of one user on a
/// tag.
pub const LARGEST: i64 = 1_000_000;

/// Why a text is not weights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// It is not the JSON of weights: it is broken, or a kind is missing, given twice or unknown.
    #[error("they must be a JSON object of view, add_to_cart and purchase: {0}")]
    Shape(String),
    /// A weight is no number, or out of its range.
    #[error("{kind} must be a number from 0 to {LARGEST}, which {text} is not")]
    Value {
        /// The name of the kind.
        kind: &'static str,
        /// The weight as it was written.
        text: String,
    },
}

/// The weights as text, so that no decimal passes through a float.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightsJson<'a> {
    #[serde(borrow)]
    view: &'a RawValue,
    #[serde(borrow)]
    add_to_cart: &'a RawValue,
    #[serde(borrow)]
    purchase: &'a RawValue,
}

/// Reads weights. Each must be from 0 to [`LARGEST`]; what lies beyond six decimals is rounded to
/// the nearest, so that a client that wrote 0.30000000000000004 gets what it meant.
///
/// # Errors
/// When the value is not JSON, misses a kind, has others, or holds a weight out of range.
pub fn parse(value: &[u8]) -> Result<Weights, WeightsError> {
    let value = without_byte_order_mark(value);
    // Serde would accept an array as well, with the weights in order.
    if value.trim_ascii_start().first() == Some(&b'[') {
        return Err(WeightsError::Shape("it is an array".into()));
    }
    let typed: WeightsJson<'_> =
        serde_json::from_slice(value).map_err(|error| WeightsError::Shape(brief(&error)))?;
    let mut weights = [Score::default(); 3];
    for (kind, raw) in Kind::ALL.into_iter().zip([typed.view, typed.add_to_cart, typed.purchase]) {
        let score = millionths(raw.get()).filter(|&score| score <= LARGEST * Score::UNIT);
        weights[kind.index()] = Score(score.ok_or_else(|| WeightsError::Value {
            kind: kind.name(),
            text: raw.get().chars().take(40).collect(),
        })?);
    }
    Ok(Weights(weights))
}

/// Writes weights so that [`parse`] reads the same ones.
pub fn to_json(weights: &Weights) -> String {
    let pairs = Kind::ALL.map(|kind| format!("\"{}\":{}", kind.name(), weights.of(kind)));
    format!("{{{}}}", pairs.join(","))
}

/// Returns a JSON number in millionths, rounded half up; `None` if it is no number, below zero, or
/// too large.
fn millionths(text: &str) -> Option<i64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // "-0" is a number too, and not below zero.
        let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
        return text.strip_prefix('-').and_then(millionths).filter(|_| is_zero(&digits[1..]));
    }
    let digits = digits.trim_start_matches('0');
    // The number of digits before the decimal point, once the number is in millionths.
    let places = i64::try_from(digits.len()).ok()? - i64::try_from(part.len()).ok()?
        + exponent.parse::<i64>().ok()?.clamp(-10_000, 10_000)
        + 6;
    if digits.is_empty() || places < 0 {
        return Some(0);
    }
    let places = usize::try_from(places).ok().filter(|&places| places <= 18)?;
    let kept: i64 = format!("{digits:0<places$}")[..places].parse().unwrap_or(0);
    let up = digits.as_bytes().get(places).is_some_and(|&digit| digit >= b'5');
    Some(kept + i64::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weight of a view, in millionths, when it is written so.
    fn check(text: &str, expected: Option<i64>) {
        let json = format!("{{\"view\": {text}, \"add_to_cart\": 3, \"purchase\": 5}}");
        let weights = parse(json.as_bytes());
        assert_eq!(
            weights.as_ref().ok().map(|weights| weights.of(Kind::View).0),
            expected,
            "{text}"
        );
        if let Ok(weights) = weights {
            assert_eq!(parse(to_json(&weights).as_bytes()), Ok(weights));
        }
    }

    #[test]
    fn numbers_are_exact_decimals() {
        for (text, millionths) in [
            ("1", 1_000_000),
            ("0", 0),
            ("-0", 0),
            ("-0.0e5", 0),
            ("2.5", 2_500_000),
            ("0.1", 100_000),
            ("0.000001", 1),
            ("0.0000005", 1),
            ("0.0000004999", 0),
            ("0.30000000000000004", 300_000),
            ("0.9999999", 1_000_000),
            ("1e3", 1_000_000_000),
            ("1.5E-2", 15_000),
            ("25e-1", 2_500_000),
            ("1e-99999999999999999", 0),
            ("0e99", 0),
            ("1000000", 1_000_000_000_000),
        ] {
            check(text, Some(millionths));
        }
    }

    #[test]
    fn what_is_no_weight_is_refused() {
        for text in
            ["-1", "-0.5", "1000000.1", "1e7", "1e400", "\"1\"", "null", "[1]", "NaN", "1.", ".5"]
        {
            check(text, None);
        }
    }

    #[test]
    fn all_kinds_and_nothing_else() {
        for json in [
            "",
            "{",
            "[1,3,5]",
            r#"{"view":1,"add_to_cart":3}"#,
            r#"{"view":1,"add_to_cart":3,"purchase":5,"wish":1}"#,
            r#"{"view":1,"view":1,"add_to_cart":3,"purchase":5}"#,
            r#"{"view":1,"add_to_cart":3,"purchase":5} x"#,
            &format!("{{\"{}\":1}}", "ü".repeat(1_000)),
        ] {
            let Err(WeightsError::Shape(reason)) = parse(json.as_bytes()) else { panic!("{json}") };
            assert!(reason.chars().count() <= 220, "{reason}");
        }
        assert_eq!(to_json(&Weights::default()), r#"{"view":1,"add_to_cart":3,"purchase":5}"#);
    }

    #[test]
    fn the_message_tells_the_rule() {
        let message =
            parse(br#"{"view":-1,"add_to_cart":3,"purchase":5}"#).unwrap_err().to_string();
        assert_eq!(message, "view must be a number from 0 to 1000000, which -1 is not");
    }
}
