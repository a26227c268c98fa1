//! The blend, how recommendations are mixed, as JSON: numbers by name, each within its range.

use super::{BLEND, Setting};
use dataflows::score::model::{Blend, Model};
use parser::{brief, without_byte_order_mark};

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
        let blend: Blend =
            serde_json::from_slice(text).map_err(|error| BlendError::Shape(brief(&error)))?;
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
    // Numbers that are divided by must not be zero.
    const SOME: f64 = 1e-3;
    const MUCH: f64 = 1e6;
    for (name, value, least, most) in [
        ("products", f64::from(blend.products), 1.0, 100.0),
        ("recency", blend.recency, SOME, MUCH),
        ("before", blend.before, 0.0, MUCH),
        ("far", blend.far, 0.0, MUCH),
        ("doubt", blend.doubt, SOME, MUCH),
        ("fade_days", blend.fade_days, SOME, MUCH),
        ("repeat", blend.repeat, 0.0, MUCH),
        ("repeat_recency", blend.repeat_recency, SOME, MUCH),
        ("earlier_products", f64::from(blend.earlier_products), 0.0, 100.0),
        ("earlier", blend.earlier, 0.0, MUCH),
        ("earlier_recency", blend.earlier_recency, SOME, MUCH),
        ("earlier_repeat", blend.earlier_repeat, 0.0, MUCH),
        ("tags", blend.tags, 0.0, MUCH),
        ("trend", blend.trend, 0.0, MUCH),
    ] {
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
            (
                r#" {"products": 100, "trend": 0}"#,
                Ok(Blend { products: 100, trend: 0.0, ..default }),
            ),
            (r#"{"trend": -1}"#, Err("trend must be a number from 0 to 1000000, which -1 is not")),
            (
                r#"{"fade_days": 0}"#,
                Err("fade_days must be a number from 0.001 to 1000000, which 0 is not"),
            ),
            (r#"{"products": 0}"#, Err("products must be a number from 1 to 100, which 0 is not")),
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
