//! The body of a request that is an object of known fields.

use crate::http::fault::Fault;
use crate::http::given::{Given, Item, known, refused};
use parser::without_byte_order_mark;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// The fields of an object, by name. Null is as good as absent.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, Value>);

impl Fields {
    /// Reads a body whose fields have these names.
    ///
    /// # Errors
    /// When it is not an object, or has a field of another name, or one of them twice.
    pub(super) fn parse(body: &[u8], names: &[&str]) -> Result<Fields, Fault> {
        let fields: Fields =
            serde_json::from_slice(without_byte_order_mark(body)).map_err(|error| {
                Fault::Bad(format!("the body is an object with {}: {error}", names.join(", ")))
            })?;
        fields.0.keys().try_for_each(|name| known("field", name, names))?;
        let given = fields.0.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Fields(given.collect()))
    }
}

/// The text of a field of a body that [`Fields::parse`] takes, for whom decimals must not pass through a float; none if it
/// is absent or null.
///
/// # Errors
/// When the body is not an object.
pub(super) fn raw_field<'a>(body: &'a [u8], name: &str) -> Result<Option<&'a str>, Fault> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(without_byte_order_mark(body))
        .map_err(|error| Fault::Bad(format!("the body is not an object: {error}")))?;
    Ok(fields.get(name).map(|value| value.get()).filter(|text| *text != "null"))
}

impl Given for Fields {
    fn one(&self, name: &str) -> Result<Option<Item<'_>>, Fault> {
        Ok(self.0.get(name).map(Item::Json))
    }

    fn many(&self, name: &str) -> Result<Vec<Item<'_>>, Fault> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.iter().map(Item::Json).collect()),
            Some(other) => Err(refused(name, "a list", &Item::Json(other))),
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Fields, D::Error> {
        json.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if fields.contains_key(&name) {
                return Err(Error::custom(format!("{name} is given more than once")));
            }
            fields.insert(name, value);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::given::{flag, list, number};

    #[test]
    fn what_is_wrong_is_told_by_name() {
        for (body, expected) in [
            (
                "",
                "the body is an object with n, ids, all: EOF while parsing a value at line 1 column 0",
            ),
            (
                "[1]",
                "the body is an object with n, ids, all: invalid type: sequence, expected an object at line 1 column 0",
            ),
            (
                "{\"n\":1,\"n\":2}",
                "the body is an object with n, ids, all: n is given more than once at line 1 column 13",
            ),
            (r#"{"m":null}"#, "\"m\" is no field: there are n, ids, all"),
            (r#"{"n":"5"}"#, "n is a whole number from 1 to 9, not \"5\""),
            (r#"{"n":1.5}"#, "n is a whole number from 1 to 9, not 1.5"),
            (r#"{"n":10}"#, "n is a whole number from 1 to 9, not 10"),
            (r#"{"all":"true"}"#, "all is true or false, not \"true\""),
            (r#"{"ids":"a"}"#, "ids is a list, not \"a\""),
            (r#"{"ids":["a",""]}"#, "ids[1] is a text of 1 to 512 bytes or a number, not \"\""),
            (
                r#"{"ids":[{"id":"a long text that is not all of it shown"}]}"#,
                "ids[0] is a text of 1 to 512 bytes or a number, not {\"id\":\"a long text that is not all of it…",
            ),
        ] {
            let told = Fields::parse(body.as_bytes(), &["n", "ids", "all"]).and_then(|fields| {
                number(&fields, "n", 1..=9)?;
                flag(&fields, "all")?;
                list(&fields, "ids")
            });
            assert_eq!(told.unwrap_err().details(), expected, "{body}");
        }
    }

    #[test]
    fn a_field_may_be_read_as_it_was_typed() {
        let body = b"\xef\xbb\xbf{ \"a\": {\"b\":0.10, \"b\":1} ,\"n\":null}";
        assert_eq!(raw_field(body, "a").unwrap(), Some("{\"b\":0.10, \"b\":1}"));
        assert_eq!(raw_field(body, "n").unwrap(), None);
        assert_eq!(raw_field(body, "c").unwrap(), None);
        assert!(raw_field(b"[]", "a").is_err());
    }

    #[test]
    fn null_is_absent() {
        let fields = Fields::parse(br#"{"n":null,"ids":[1,1.0,-0.0,"b"]}"#, &["n", "ids"]).unwrap();
        assert_eq!(number(&fields, "n", 1..=9).unwrap(), None);
        assert_eq!(list(&fields, "ids").unwrap(), ["1", "1", "0", "b"]);
    }
}
