//! The blend, how recommendations are mixed, as JSON: numbers by name, each within its range.

use super::{BLEND, Setting};
use dataflows::score::model::{Blend, Model};
use parser::{brief, without_byte_order_mark};
use serde_json::{Map, Value};
use std::sync::Once;

/// Numbers of a blend that mean nothing any more. A node that has them is not refused.
const FORMER: [&str; 10] = [
    "products",
    "recency",
    "before",
    "far",
    "doubt",
    "fade_days",
    "repeat_recency",
    "earlier_products",
    "earlier_recency",
    "earlier_repeat",
];

/// Whether somebody was told of [`FORMER`] numbers: nodes are read again and again.
static WARNED: Once = Once::new();

/// Why a text is not a blend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlendError {
    /// It is not a JSON object of a blend's numbers.
    #[error("it must be a JSON object of numbers: {0}")]
    Shape(String),
    /// A number is out of its range.
    #[error("{name} must be a number from {least} to {most}, which {value} is not")]
    Value {
        /// The number's name.
        name: &'static str,
        /// The least that it may be.
        least: String,
        /// The most that it may be.
        most: String,
        /// What it is.
        value: String,
    },
}

impl Setting for Blend {
    const PATH: &'static str = BLEND;
    const NAME: &'static str = "blend";
    type Error = BlendError;

    fn parse(text: &[u8]) -> Result<Blend, BlendError> {
        let text = without_byte_order_mark(text);
        // Serde would accept an array as well, with the numbers in order.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(BlendError::Shape("it is none".into()));
        }
        let shape = |error| BlendError::Shape(brief(&error));
        let mut given: Map<String, Value> = serde_json::from_slice(text).map_err(shape)?;
        let all = given.len();
        given.retain(|name, value| !(FORMER.contains(&name.as_str()) && value.is_number()));
        if given.len() < all {
            WARNED.call_once(|| {
                tracing::warn!(
                    node = BLEND,
                    "the blend has numbers that are learned now, and does not need them: {}",
                    FORMER.join(", ")
                );
            });
        }
        let blend: Blend = serde_json::from_value(Value::Object(given)).map_err(shape)?;
        check(&blend).map(|()| blend)
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers that are finite have a JSON")
    }

    fn of(model: &Model) -> Blend {
        model.blend
    }
}

fn check(blend: &Blend) -> Result<(), BlendError> {
    const MUCH: f64 = 1e6;
    for (name, value) in [
        ("tags", blend.tags),
        ("trend", blend.trend),
        ("repeat", blend.repeat),
        ("earlier", blend.earlier),
    ] {
        let (least, most) = (0.0, MUCH);
        if !(least..=most).contains(&value) {
            let [least, most, value] = [least, most, value].map(|number| number.to_string());
            return Err(BlendError::Value { name, least, most, value });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blends_are_read_and_checked() {
        let default = Blend::default();
        for (text, expected) in [
            ("{}", Ok(default)),
            (r#"{"tags": 0.2}"#, Ok(Blend { tags: 0.2, ..default })),
            (r#" {"products": 100, "doubt": 0, "trend": 0}"#, Ok(Blend { trend: 0.0, ..default })),
            (r#"{"trend": -1}"#, Err("trend must be a number from 0 to 1000000, which -1 is not")),
            (
                r#"{"earlier": 2e6}"#,
                Err("earlier must be a number from 0 to 1000000, which 2000000 is not"),
            ),
            (
                r#"{"products": "1"}"#,
                Err("it must be a JSON object of numbers: unknown field `prod"),
            ),
            (r#"{"tag": 1}"#, Err("it must be a JSON object of numbers: unknown field `tag`")),
            (r#"{"tags": "1"}"#, Err("it must be a JSON object of numbers: invalid type")),
            ("[10]", Err("it must be a JSON object of numbers: it is none")),
            ("", Err("it must be a JSON object of numbers: it is none")),
        ] {
            match (Blend::parse(text.as_bytes()), expected) {
                (Ok(blend), Ok(expected)) => {
                    assert_eq!(blend, expected, "{text}");
                    assert_eq!(Blend::parse(blend.to_json().as_bytes()), Ok(blend));
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().starts_with(expected), "{text}: {error}");
                }
                (found, expected) => panic!("{text}: {found:?} is not {expected:?}"),
            }
        }
    }
}
