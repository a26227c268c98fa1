//! The description of the routes, `/openapi.json`, as what it says.

use serde_json::Value;
use std::sync::LazyLock;

/// The description as it is served.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

/// What it says.
pub(super) static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(OPENAPI).expect("a test reads it"));

/// A part of the description in which references stand for what they lead to, as far as `is_put_in` says so of their
/// paths.
pub(super) fn put_in(part: &Value, is_put_in: &impl Fn(&str) -> bool) -> Value {
    match part {
        Value::Object(fields) => match reference(part).filter(|path| is_put_in(path)) {
            Some(path) => {
                let named = DESCRIPTION.pointer(path);
                put_in(named.expect("a test follows them"), is_put_in)
            }
            None => {
                let fields = fields.iter();
                fields.map(|(name, part)| (name.clone(), put_in(part, is_put_in))).collect()
            }
        },
        Value::Array(items) => items.iter().map(|item| put_in(item, is_put_in)).collect(),
        other => other.clone(),
    }
}

/// Where a part leads that is a reference.
pub(super) fn reference(part: &Value) -> Option<&str> {
    part["$ref"].as_str().and_then(|path| path.strip_prefix('#'))
}
