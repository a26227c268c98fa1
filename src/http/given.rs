//! What a request gives by name, in its query or in its body, and the one way to check it.
//!
//! A name that is unknown is refused, as is one without a value, or a second value where one is
//! wanted: whatever was meant by it would be ignored in silence.

use crate::http::fault::Fault;
use crate::http::request::MOST_ITEMS;
use dataflows::record::event::Event;
use dataflows::score::weights::Score;
use parser::{beginning, decimal, is_id};
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

/// The parameters of a query, or the fields of a body.
pub(super) trait Given {
    /// Returns the value of a name, if it was given.
    ///
    /// # Errors
    /// When it was given more than once, or cannot be decoded.
    fn one(&self, name: &str) -> Result<Option<Item<'_>>, Fault>;

    /// Returns the items of a list, none if it was not given.
    ///
    /// # Errors
    /// When it is no list, or cannot be decoded.
    fn many(&self, name: &str) -> Result<Vec<Item<'_>>, Fault>;
}

/// A value: as it was typed in a query, where everything is text, or as JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item<'a> {
    Typed(Cow<'a, str>),
    Json(&'a Value),
}

impl Item<'_> {
    /// The value as a text; a number is its decimal text.
    fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Item::Typed(text) => Some(Cow::Borrowed(text)),
            Item::Json(Value::String(text)) => Some(Cow::Borrowed(text)),
            Item::Json(Value::Number(number)) => decimal_text(number).map(Cow::Owned),
            Item::Json(_) => None,
        }
    }

    fn number(&self) -> Option<usize> {
        match self {
            Item::Typed(text) => text.parse().ok(),
            Item::Json(value) => value.as_u64().and_then(|number| number.try_into().ok()),
        }
    }

    fn price(&self) -> Option<i64> {
        let price: Option<f64> = match self {
            Item::Typed(text) => text.parse().ok(),
            Item::Json(value) => value.as_f64(),
        };
        let Score(millionths) = price.filter(|price| 0.0 <= *price).and_then(Score::from_f64)?;
        Some(millionths)
    }

    fn flag(&self) -> Option<bool> {
        match self {
            Item::Typed(text) => text.parse().ok(),
            Item::Json(value) => value.as_bool(),
        }
    }
}

/// Returns a number's decimal text, as events have it.
fn decimal_text(number: &Number) -> Option<String> {
    if number.is_f64() {
        number.as_f64().and_then(decimal).map(|number| number.to_string())
    } else {
        Some(number.to_string())
    }
}

/// Shows a value to whoever sent it: as JSON, its beginning alone if it is long.
impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Typed(text) => f.write_str(&beginning(&format!("{text:?}"))),
            Item::Json(value) => f.write_str(&beginning(&value.to_string())),
        }
    }
}

/// Refuses a value, and tells what it should be.
pub(super) fn refused(name: &str, expected: impl fmt::Display, found: &Item<'_>) -> Fault {
    Fault::Bad(format!("{name} is {expected}, not {found}"))
}

/// Refuses a name that is not among the known ones; `what` is what it would be the name of.
pub(super) fn known(what: &str, name: &str, known: &[&str]) -> Result<(), Fault> {
    if known.contains(&name) {
        return Ok(());
    }
    let name = beginning(name);
    Err(Fault::Bad(if known.is_empty() {
        format!("{name:?} is no {what}: there is none here")
    } else {
        format!("{name:?} is no {what}: there are {}", known.join(", "))
    }))
}

/// Reads a whole number within a range.
pub(super) fn number(
    given: &impl Given,
    name: &str,
    range: RangeInclusive<usize>,
) -> Result<Option<usize>, Fault> {
    let Some(item) = given.one(name)? else { return Ok(None) };
    let (least, most) = (range.start(), range.end());
    match item.number().filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(refused(name, format_args!("a whole number from {least} to {most}"), &item)),
    }
}

/// Reads `true` or `false`.
pub(super) fn flag(given: &impl Given, name: &str) -> Result<Option<bool>, Fault> {
    let Some(item) = given.one(name)? else { return Ok(None) };
    item.flag().map(Some).ok_or_else(|| refused(name, "true or false", &item))
}

/// Reads a price, in millionths.
pub(super) fn price(given: &impl Given, name: &str) -> Result<Option<i64>, Fault> {
    let Some(item) = given.one(name)? else { return Ok(None) };
    item.price().map(Some).ok_or_else(|| refused(name, "a number of at least 0", &item))
}

/// Reads one of several words, each of which stands for a value.
pub(super) fn word<T: Copy>(
    given: &impl Given,
    name: &str,
    words: &[(&str, T)],
) -> Result<Option<T>, Fault> {
    given.one(name)?.map(|item| chosen(name, words, &item)).transpose()
}

/// Returns the value that a word stands for.
pub(super) fn chosen<T: Copy>(
    name: &str,
    words: &[(&str, T)],
    item: &Item<'_>,
) -> Result<T, Fault> {
    let text = item.text().unwrap_or_default();
    match words.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Err(refused(name, words.join(" or "), item))
        }
    }
}

/// Reads a text such as events may have.
pub(super) fn text(given: &impl Given, name: &str) -> Result<Option<String>, Fault> {
    given.one(name)?.map(|item| checked(name, &item)).transpose()
}

/// Reads a text of so many bytes.
pub(super) fn text_of(
    given: &impl Given,
    name: &str,
    bytes: RangeInclusive<usize>,
) -> Result<Option<String>, Fault> {
    let Some(item) = given.one(name)? else { return Ok(None) };
    let (least, most) = (bytes.start(), bytes.end());
    match item.text().filter(|text| bytes.contains(&text.len())) {
        Some(text) => Ok(Some(text.into_owned())),
        None => Err(refused(name, format_args!("a text of {least} to {most} bytes"), &item)),
    }
}

/// Reads a list of texts such as events may have.
pub(super) fn list(given: &impl Given, name: &str) -> Result<Vec<String>, Fault> {
    let items = given.many(name)?;
    if items.len() > MOST_ITEMS {
        let found = items.len();
        return Err(Fault::Bad(format!("{name} has at most {MOST_ITEMS} texts, not {found}")));
    }
    let items = items.iter().enumerate();
    items.map(|(index, item)| checked(&format!("{name}[{index}]"), item)).collect()
}

/// Reads what must be given.
pub(super) fn required<G: Given, T>(
    given: &G,
    name: &str,
    read: fn(&G, &str) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match given.one(name)? {
        Some(_) => read(given, name),
        None => Err(Fault::Bad(format!("{name} is missing"))),
    }
}

fn checked(name: &str, item: &Item<'_>) -> Result<String, Fault> {
    let text = item.text().filter(|text| is_id(text));
    text.map(Cow::into_owned).ok_or_else(|| {
        let most = Event::MAX_TEXT;
        refused(name, format_args!("a text of 1 to {most} bytes or a number"), item)
    })
}
