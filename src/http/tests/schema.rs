//! JSON Schema, as far as the description uses it. A keyword that is not known here fails the test, so
//! that none is passed over.

pub(super) use crate::http::description::DESCRIPTION;
use serde_json::{Map, Value};

/// Returns what a part of the description stands for.
pub(super) fn resolved(part: &'static Value) -> &'static Value {
    match part["$ref"].as_str() {
        Some(path) => resolved(DESCRIPTION.pointer(&path[1..]).unwrap()),
        None => part,
    }
}

/// Tells what of a value a schema does not allow, with its place.
pub(super) fn violations(schema: &'static Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    visit(schema, value, "$", &mut found);
    found
}

fn visit(schema: &'static Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let fields = schema.as_object().unwrap_or_else(|| panic!("no schema: {schema}"));
    for (keyword, rule) in fields {
        let holds = match &**keyword {
            "description" | "default" | "example" | "deprecated" => true,
            "$ref" => {
                visit(resolved(schema), value, at, found);
                true
            }
            "oneOf" => {
                let all = rule.as_array().unwrap();
                all.iter().filter(|schema| violations(schema, value).is_empty()).count() == 1
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is(value, name)),
                name => is(value, name),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minLength" => length(value).is_none_or(|length| length >= rule.as_u64().unwrap()),
            "maxLength" => length(value).is_none_or(|length| length <= rule.as_u64().unwrap()),
            "minItems" => items(value).len() as u64 >= rule.as_u64().unwrap() || !value.is_array(),
            "maxItems" => items(value).len() as u64 <= rule.as_u64().unwrap(),
            "format" => value.as_str().is_none_or(|text| match rule.as_str() {
                Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
                Some("date") => text.parse::<jiff::civil::Date>().is_ok(),
                _ => panic!("no such format: {rule}"),
            }),
            "required" => value.as_object().is_none_or(|object| {
                rule.as_array()
                    .unwrap()
                    .iter()
                    .all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "items" => {
                for (index, item) in items(value).iter().enumerate() {
                    visit(rule, item, &format!("{at}[{index}]"), found);
                }
                true
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = rule.get(name) {
                        visit(schema, value, &format!("{at}.{name}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                let is_named = |name: &str| schema["properties"].get(name).is_some();
                let others = value.as_object().into_iter().flatten();
                let others: Map<_, _> = others
                    .filter(|(name, _)| !is_named(name))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                for (name, value) in others.iter().filter(|_| rule.is_object()) {
                    visit(rule, value, &format!("{at}.{name}"), found);
                }
                others.is_empty() || rule != &Value::Bool(false)
            }
            other => panic!("the keyword {other} is not known here"),
        };
        if !holds {
            found.push(format!("{at}: {keyword} is {rule}"));
        }
    }
}

fn is(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("there is no type {other}"),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}
