//! A record of any shape, read with serde_json in one pass and without a tree.
//!
//! A value that no field holds is read past, whatever it is: lone surrogates and any number of brackets
//! included, since serde_json reads past values without recursion and without decoding texts.

use crate::field::{Field, FieldOf, FieldValue, Text};
use crate::id::decimal;
use crate::reason::Reason;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write};

/// Shows the known fields of a record in their order. Texts that can't be borrowed from the record are
/// appended to `texts`.
pub(crate) fn read<'a>(
    record: &'a [u8],
    field_of: FieldOf,
    texts: &mut String,
    show: impl FnMut(Field, FieldValue<'a>),
) -> Result<(), Reason> {
    let mut json = serde_json::Deserializer::from_slice(record);
    match json.deserialize_any(ObjectVisitor { field_of, texts, show }) {
        Ok(()) if json.end().is_ok() => Ok(()),
        // An error of type, not of syntax, at anything but an object.
        Err(error) if error.is_data() && !record.trim_ascii().starts_with(b"{") => {
            Err(Reason::NotObject)
        }
        _ => Err(Reason::NotJson),
    }
}

/// Reads a record for its errors alone.
///
/// # Errors
/// When it is no object, or not JSON.
pub(crate) fn check(record: &[u8], field_of: FieldOf) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(record);
    let mut texts = String::new();
    json.deserialize_any(ObjectVisitor { field_of, texts: &mut texts, show: |_, _| {} })?;
    json.end()
}

struct ObjectVisitor<'s, F> {
    field_of: FieldOf,
    texts: &'s mut String,
    show: F,
}

impl<'a, F: FnMut(Field, FieldValue<'a>)> Visitor<'a> for ObjectVisitor<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(KeySeed(self.field_of))? {
            match field {
                Some(field) => {
                    let seed = ValueSeed { texts: self.texts, is_item: false };
                    (self.show)(field, map.next_value_seed(seed)?);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a key as bytes: one that is not Unicode is none of ours, and no error.
struct KeySeed(FieldOf);

impl<'a> DeserializeSeed<'a> for KeySeed {
    type Value = Option<Field>;
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Option<Field>, D::Error> {
        json.deserialize_bytes(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<Field>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Option<Field>, E> {
        Ok(str::from_utf8(key).ok().and_then(self.0))
    }
}

struct ValueSeed<'s> {
    texts: &'s mut String,
    /// The value is an item of a list: then a list is wrong, however deep it is.
    is_item: bool,
}

impl ValueSeed<'_> {
    fn hold<'a>(self, text: impl fmt::Display) -> FieldValue<'a> {
        let start = self.texts.len();
        let written = write!(self.texts, "{text}");
        // A record is at most 1 MiB, and a number grows to at most a hundred times its size.
        match (written, u32::try_from(start), u32::try_from(self.texts.len())) {
            (Ok(()), Ok(start), Ok(end)) => FieldValue::Text(Text::Held(start, end)),
            _ => FieldValue::Wrong,
        }
    }
}

impl<'a> DeserializeSeed<'a> for ValueSeed<'_> {
    type Value = FieldValue<'a>;
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<FieldValue<'a>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ValueSeed<'_> {
    type Value = FieldValue<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<FieldValue<'a>, E> {
        Ok(FieldValue::Text(Text::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FieldValue<'a>, E> {
        Ok(self.hold(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<FieldValue<'a>, E> {
        Ok(self.hold(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<FieldValue<'a>, E> {
        Ok(self.hold(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<FieldValue<'a>, E> {
        Ok(decimal(number).map_or(FieldValue::Wrong, |number| self.hold(number)))
    }

    fn visit_unit<E: Error>(self) -> Result<FieldValue<'a>, E> {
        Ok(FieldValue::Absent)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<FieldValue<'a>, E> {
        Ok(FieldValue::Flag(flag))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<FieldValue<'a>, A::Error> {
        if self.is_item {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(FieldValue::Wrong);
        }
        let mut list = Some(Vec::new());
        while let Some(value) =
            seq.next_element_seed(ValueSeed { texts: self.texts, is_item: true })?
        {
            match (&mut list, value) {
                (Some(list), FieldValue::Text(text)) => list.push(text),
                _ => list = None,
            }
        }
        Ok(list.map_or(FieldValue::Wrong, FieldValue::List))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<FieldValue<'a>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(FieldValue::Wrong)
    }
}
