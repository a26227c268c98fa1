//! The parts of a message of others, as they were sent.

use crate::http::batch;
use crate::http::fault::Fault;
use parser::{shown, syntax, without_byte_order_mark};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Reads a body, which is one value.
///
/// # Errors
/// When it is no JSON.
pub(super) fn whole(body: &[u8]) -> Result<&RawValue, Fault> {
    let json = without_byte_order_mark(body);
    serde_json::from_slice(json).map_err(|error| batch::not_json(json, "", &error))
}

/// Reads the object at a path of a message; fields that nobody asks for are left out.
pub(super) fn object<'a, T: Deserialize<'a>>(path: &str, json: &'a RawValue) -> Result<T, String> {
    if !json.get().starts_with('{') {
        return Err(format!("{path} is not an object: it is {}", shown(json.get())));
    }
    serde_json::from_str(json.get()).map_err(|error| {
        let (text, _) = syntax(json.get().as_bytes(), &error);
        format!("{path} is not as it should be: {text}")
    })
}

/// Reads the list at a path of a message, which must be there.
pub(super) fn list<'a>(
    path: &str,
    json: Option<&'a RawValue>,
) -> Result<Vec<&'a RawValue>, String> {
    let json = json.ok_or_else(|| format!("{path} is missing"))?;
    match serde_json::from_str::<Vec<_>>(json.get()) {
        Ok(items) if items.is_empty() => Err(format!("{path} is empty")),
        Ok(items) => Ok(items),
        Err(_) => Err(format!("{path} is not a list: it is {}", shown(json.get()))),
    }
}

/// Reads the text at a path of a message, which must be there.
pub(super) fn text<'a>(path: &str, json: Option<&'a RawValue>) -> Result<Cow<'a, str>, String> {
    let json = given(json).ok_or_else(|| format!("{path} is missing"))?.get();
    unquoted(json).ok_or_else(|| format!("{path} is not a text: it is {}", shown(json)))
}

/// The text of an id, of which a number is its decimal text; none of any other value.
pub(super) fn id_text(json: &RawValue) -> Option<Cow<'_, str>> {
    let json = json.get();
    let is_number = json.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number { Some(json.into()) } else { unquoted(json) }
}

/// Leaves out an empty text: many clients send one for what they do not have.
pub(super) fn given(json: Option<&RawValue>) -> Option<&RawValue> {
    json.filter(|json| json.get() != "\"\"")
}

fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    if text.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn texts_are_read_and_what_is_none_is_told() {
        for (json, expected) in [
            (Some(r#""a b""#), Ok("a b")),
            (Some(r#""a\u0020\"b""#), Ok("a \"b")),
            (Some("\"\""), Err("event is missing")),
            (None, Err("event is missing")),
            (Some("7"), Err("event is not a text: it is 7")),
            (Some(r#""\ud800""#), Err(r#"event is not a text: it is "\ud800""#)),
        ] {
            let told = text("event", json.map(raw));
            assert_eq!(told.as_deref().map_err(String::as_str), expected, "{json:?}");
        }
    }

    #[test]
    fn ids_are_texts_or_numbers() {
        for (json, expected) in [
            (r#""a""#, Some("a")),
            ("-7", Some("-7")),
            ("7.5", Some("7.5")),
            ("[1]", None),
            ("true", None),
        ] {
            assert_eq!(id_text(raw(json)).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn lists_have_items() {
        for (json, expected) in [
            (Some("[1,{}]"), Ok(2)),
            (Some("[]"), Err("items is empty")),
            (None, Err("items is missing")),
            (Some("{\"a\":1}"), Err("items is not a list: it is {\"a\":1}")),
        ] {
            let told = list("items", json.map(raw)).map(|items| items.len());
            assert_eq!(told, expected.map_err(str::to_owned), "{json:?}");
        }
    }
}
