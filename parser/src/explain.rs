//! Explains to a person why a record was refused: what was found in place of what was expected, and
//! where. It reads the record anew, which only those pay for that are refused.

use crate::catalogue;
use crate::confluent;
use crate::event;
use crate::field::{Field, FieldOf};
use crate::forget;
use crate::id::without_byte_order_mark;
use crate::json;
use crate::merge;
use crate::object::Object;
use crate::reason::Reason;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// What a record was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// An event.
    Event,
    /// A merge.
    Merge,
    /// A forget.
    Forget,
    /// A catalogue row.
    Row,
}

impl RecordKind {
    fn field_of(self) -> FieldOf {
        match self {
            RecordKind::Event => event::field_of,
            RecordKind::Merge => merge::field_of,
            RecordKind::Forget => forget::field_of,
            RecordKind::Row => catalogue::field_of,
        }
    }
}

/// Why a record was refused. It displays as the reason with what was found.
#[derive(Debug)]
pub struct Explanation<'a> {
    reason: Reason,
    found: Found<'a>,
    /// Where that begins in the record, in bytes.
    pub offset: usize,
}

#[derive(Debug)]
enum Found<'a> {
    /// Nothing that would say more than the reason.
    Nothing,
    /// A value, as it is in the record, with its key.
    Value(String, &'a str),
    /// A wrong item of a list.
    Item(usize, &'a str),
    /// Too many items.
    Items(usize),
    /// A record of another shape.
    Record(&'a str),
    /// The record's key, which is as good as a field.
    Key(&'a [u8]),
    /// A value of a schema with this id.
    Schema(u32),
    /// A key of a schema with this id.
    KeySchema(u32),
    /// No JSON.
    Syntax(String),
}

/// Explains why a record was refused, for one that was. `key` is the record's, if that names it as it
/// does a row.
pub fn explain<'a>(
    kind: RecordKind,
    key: Option<&'a [u8]>,
    record: &'a [u8],
    reason: Reason,
) -> Explanation<'a> {
    let framed = confluent::framed(record);
    let json = without_byte_order_mark(framed.map_or(record, |(_, value)| value));
    let found = match reason {
        Reason::NotJson => {
            let (told, at) = match json::check(json, kind.field_of()) {
                Ok(()) => (Found::Nothing, 0),
                Err(error) => {
                    let (text, at) = syntax(json, &error);
                    (Found::Syntax(text), at)
                }
            };
            let offset = at + record.len() - json.len();
            return Explanation { reason, found: told, offset };
        }
        Reason::Avro | Reason::Protobuf => match (framed, key.and_then(confluent::framed)) {
            // A key is looked at first.
            (_, Some((schema, _))) if key.is_some_and(|key| confluent::key(key).is_err()) => {
                Found::KeySchema(schema)
            }
            (Some((schema, _)), _) => Found::Schema(schema),
            (None, _) => Found::Nothing,
        },
        Reason::NotObject => {
            str::from_utf8(json).map_or(Found::Nothing, |json| Found::Record(json.trim()))
        }
        _ => field(reason).map_or(Found::Nothing, |field| of_field(kind, key, json, field)),
    };
    let offset = match &found {
        // Both lie in one buffer, so that the difference of addresses is the distance.
        Found::Value(_, text) | Found::Item(_, text) | Found::Record(text) => {
            text.as_ptr().addr() - record.as_ptr().addr()
        }
        _ => 0,
    };
    Explanation { reason, found, offset }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason;
        match &self.found {
            Found::Nothing => write!(f, "{reason}"),
            Found::Value(key, value) => write!(f, "{reason}: {key} is {}", shown(value)),
            Found::Item(index, item) => write!(f, "{reason}: tags[{index}] is {}", shown(item)),
            Found::Items(count) => write!(f, "{reason}: it has {count}"),
            Found::Record(record) => write!(f, "{reason}: it is {}", shown(record)),
            Found::Key(key) => {
                let key = confluent::framed(key).map_or(*key, |(_, key)| key);
                let key = format!("{:?}", String::from_utf8_lossy(key));
                write!(f, "{reason}: the key is {}", shown(&key))
            }
            Found::Schema(id) => write!(f, "{reason}: its schema has the id {id}"),
            Found::KeySchema(id) => write!(f, "{reason}: its key's schema has the id {id}"),
            Found::Syntax(error) => write!(f, "{reason}: {error}"),
        }
    }
}

/// Returns the beginning of a text, which is enough to recognise it by.
pub fn beginning(text: &str) -> Cow<'_, str> {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Returns the beginning of a value; of one that is cut, its length as well.
pub fn shown(value: &str) -> Cow<'_, str> {
    match beginning(value) {
        Cow::Owned(begun) => Cow::Owned(format!("{begun} ({} bytes)", value.len())),
        whole @ Cow::Borrowed(_) => whole,
    }
}

/// Returns an error's text, which may repeat what it was made of, at a length that a person reads; of one
/// that is cut, its length as well.
pub fn brief(error: &dyn fmt::Display) -> String {
    const MOST: usize = 200;
    let text = error.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// Returns what is wrong with a JSON, and where, in bytes. serde_json counts lines and columns from one,
/// and says so at the end of its text.
pub fn syntax(json: &[u8], error: &serde_json::Error) -> (String, usize) {
    let lines = json.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let offset = (before + error.column().saturating_sub(1)).min(json.len());
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    (brief(&text), offset)
}

/// The field that a reason is about; none where it is missing.
fn field(reason: Reason) -> Option<Field> {
    Some(match reason {
        Reason::WrongType => Field::Kind,
        Reason::BadUser => Field::User,
        Reason::BadProduct => Field::Product,
        Reason::BadTimestamp
        | Reason::OldTimestamp
        | Reason::NoOffset
        | Reason::FutureTimestamp
        | Reason::TooOld => Field::Time,
        Reason::BadTags => Field::Tags,
        Reason::BadCategory => Field::Category,
        Reason::BadSession | Reason::BadGuest | Reason::SameUser => Field::Session,
        Reason::BadId => Field::Id,
        Reason::BadName => Field::Name,
        Reason::BadPrice => Field::Price,
        Reason::BadDeleted => Field::Deleted,
        Reason::BadAvailable => Field::Available,
        Reason::NotJson
        | Reason::Avro
        | Reason::Protobuf
        | Reason::NotObject
        | Reason::TooLarge
        | Reason::NoUser
        | Reason::NoProduct
        | Reason::NoGuest
        | Reason::NoField => return None,
    })
}

fn of_field<'a>(
    kind: RecordKind,
    key: Option<&'a [u8]>,
    json: &'a [u8],
    field: Field,
) -> Found<'a> {
    let value = value(json, kind, field).or_else(|| {
        let (row, _) = catalogue::unwrapped(json).filter(|_| kind == RecordKind::Row)?;
        value(row?, kind, field)
    });
    match (value, key) {
        (Some((_, tags)), _) if matches!(field, Field::Tags) => wrong_tag(tags),
        (Some((name, value)), _) => Found::Value(name, value),
        (None, Some(key)) => Found::Key(key),
        (None, None) => Found::Nothing,
    }
}

/// Finds the first value of a field that is not null, with its key.
fn value(json: &[u8], kind: RecordKind, field: Field) -> Option<(String, &str)> {
    let mut found = None;
    let visitor = ValueVisitor { field_of: kind.field_of(), field, found: &mut found };
    // The object may be broken behind the value.
    let _ = serde_json::Deserializer::from_slice(json).deserialize_map(visitor);
    found
}

struct ValueVisitor<'a, 'f> {
    field_of: FieldOf,
    field: Field,
    found: &'f mut Option<(String, &'a str)>,
}

impl<'a> Visitor<'a> for ValueVisitor<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(NameSeed(self.field_of, self.field))? {
            let value = map.next_value::<&'a RawValue>()?.get();
            if let Some(key) = key.filter(|_| self.found.is_none() && value != "null") {
                *self.found = Some((key, value));
            }
        }
        Ok(())
    }
}

/// Reads a key; one of another field is `None`.
struct NameSeed(FieldOf, Field);

impl<'a> DeserializeSeed<'a> for NameSeed {
    type Value = Option<String>;
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Option<String>, D::Error> {
        json.deserialize_bytes(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Option<String>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Option<String>, E> {
        let NameSeed(field_of, field) = self;
        let key = str::from_utf8(key)
            .ok()
            .filter(|key| field_of(key).is_some_and(|found| found as usize == field as usize));
        Ok(key.map(str::to_owned))
    }
}

/// Finds what is wrong with tags: an item that can't be one, or else that there are too many.
fn wrong_tag(tags: &str) -> Found<'_> {
    /// So many are looked at; a list that is longer has too many.
    const LOOKED_AT: usize = 1000;
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(tags) else {
        return Found::Value("tags".into(), tags);
    };
    let is_tag = |item: &&RawValue| {
        let record = format!("{{\"tags\":[{item}]}}");
        let (mut object, mut texts) = (Object::default(), String::new());
        let read = object.read(record.as_bytes(), event::field_of, &mut texts);
        read.and_then(|()| object.into_tags(&texts)).is_ok()
    };
    match items.iter().take(LOOKED_AT).position(|item| !is_tag(item)) {
        Some(index) => Found::Item(index, items[index].get()),
        None => Found::Items(items.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Scratch;
    use crate::{Written, parse_event, parse_forget, parse_merge, parse_row};

    const NOW: i64 = 1_743_508_800_000;

    /// Explains why a record is no event: `text`, and `at` is what stands at the offset.
    fn check(record: &str, text: &str, at: &str) {
        let bytes = record.as_bytes();
        let reason =
            parse_event(bytes, None, Written::At(NOW), &mut Scratch::default()).unwrap_err();
        let explanation = explain(RecordKind::Event, None, bytes, reason);
        assert_eq!(explanation.to_string(), text, "{record}");
        assert!(record[explanation.offset..].starts_with(at), "{record}: {explanation:?}");
    }

    #[test]
    fn what_was_found_is_told_with_what_was_expected_and_where() {
        let kinds = "eventType is not view, add_to_cart, remove_from_cart or purchase, or contradicts the topic";
        let no_user = "userId is not a text of 1 to 512 bytes or a number, or contradicts the path";
        let no_product =
            "the product's id is not a text of 1 to 512 bytes or a number, or contradicts the key";
        let no_time = "timestamp is neither ISO 8601 nor a number since 1970";
        let with =
            |field: &str| format!(r#"{{"eventType":"view","userId":"u","product":"p",{field}}}"#);
        let no_offset = "timestamp names a zone, but no offset from UTC, as in \
                         2025-04-01T12:00:00+02:00[Europe/Berlin]";
        for (record, text, at) in [
            (
                with(r#""timestamp":"2025-04-01T12:00[Asia/Tokyo]""#),
                format!("{no_offset}: timestamp is \"2025-04-01T12:00[Asia/Tokyo]\""),
                "\"2025",
            ),
            (
                "{\"userId\":\"u\",\n\"product\" 1}".to_owned(),
                "the record is not JSON: expected `:`".to_owned(),
                "1}",
            ),
            ("\u{feff}{\"a\" 1}".into(), "the record is not JSON: expected `:`".into(), "1}"),
            (
                with(r#""tags":["\ud800"]"#),
                "the record is not JSON: unexpected end of hex escape".into(),
                "\"]}",
            ),
            ("[1]".into(), "the record is not a JSON object: it is [1]".into(), "[1]"),
            ("{}".into(), kinds.into(), "{}"),
            (r#"{"eventType":"buy"}"#.into(), format!("{kinds}: eventType is \"buy\""), "\"buy\""),
            (r#"{"eventType":"view","product":"p"}"#.into(), "userId is missing".into(), "{"),
            (
                r#"{"eventType":"view","userId":null,"user_id":["u"]}"#.into(),
                format!("{no_user}: user_id is [\"u\"]"),
                "[\"u\"]",
            ),
            // The id of another kind of record.
            (
                r#"{"id":5,"eventType":"view","userId":"u","productId":{}}"#.into(),
                format!("{no_product}: productId is {{}}"),
                "{}}",
            ),
            (
                with(r#""timestamp":"a time that is told at some length and with words""#),
                format!(
                    "{no_time}: timestamp is \"a time that is told at some length and … (51 bytes)"
                ),
                "\"a time",
            ),
            (
                with(r#""category":1e99"#),
                "category is not a text of at most 512 bytes or a number: category is 1e99".into(),
                "1e99",
            ),
        ] {
            check(&record, &text, at);
        }
        let many = format!("{:?}", (0..65).collect::<Vec<_>>());
        let long = format!("[\"{}\"]", "é".repeat(300));
        for (tags, found, at) in [
            ("\"a\"", "tags is \"a\"", "\"a\""),
            (r#"["a",3,null]"#, "tags[2] is null", "null"),
            (r#"["a",{"b":1}]"#, "tags[1] is {\"b\":1}", "{\"b\""),
            (r#"["a",1e17]"#, "tags[1] is 1e17", "1e17"),
            (&*long, &*format!("tags[0] is {}", shown(&long[1..long.len() - 1])), "\"é"),
            (&*many, "it has 65", "{"),
        ] {
            let text =
                format!("tags is not a list of at most 64 texts of at most 512 bytes: {found}");
            check(&with(&format!(r#""tags":{tags}"#)), &text, at);
        }
    }

    #[test]
    fn rows_and_decisions_are_explained_too() {
        let row = |key: Option<&[u8]>, value: &str| {
            let reason = parse_row(key, Some(value.as_bytes()), &mut Scratch::default());
            explain(RecordKind::Row, key, value.as_bytes(), reason.unwrap_err()).to_string()
        };
        let id =
            "the product's id is not a text of 1 to 512 bytes or a number, or contradicts the key";
        for (key, value, text) in [
            (Some(&b"\xff"[..]), "{}", format!("{id}: the key is \"\u{fffd}\"")),
            (Some(b"p1"), r#"{"id":"p2"}"#, format!("{id}: id is \"p2\"")),
            (None, r#"{"name":"n"}"#, "product is missing".into()),
            (Some(b"p1"), "{}", "the row has no field that is known".into()),
            (
                Some(b"p1"),
                r#"{"price":-1}"#,
                "price is not a number of at least 0: price is -1".into(),
            ),
            (
                Some(b"p1"),
                r#"{"op":"u","after":{"price":"free"}}"#,
                "price is not a number of at least 0: price is \"free\"".into(),
            ),
            (
                Some(b"p1"),
                r#"{"__deleted":3}"#,
                "deleted is neither true nor false: __deleted is 3".into(),
            ),
            (
                Some(b"p1"),
                r#"{"available":3}"#,
                "available is neither true nor false: available is 3".into(),
            ),
            (
                Some(b"p1"),
                r#"{"name":{}}"#,
                "name is not a text of at most 512 bytes or a number: name is {}".into(),
            ),
        ] {
            assert_eq!(row(key, value), text, "{value}");
        }
        let merge = |record: &str| {
            let reason =
                parse_merge(record.as_bytes(), None, Written::At(NOW), 1, &mut Scratch::default());
            explain(RecordKind::Merge, None, record.as_bytes(), reason.unwrap_err()).to_string()
        };
        for (record, text) in [
            (r#"{"userId":"u","from":"u"}"#, "from is the userId itself: from is \"u\""),
            (
                r#"{"userId":"u","from":{}}"#,
                "from is not a text of 1 to 512 bytes or a number: from is {}",
            ),
            (r#"{"userId":"u"}"#, "from is missing"),
            (
                r#"{"userId":"u","from":"g","timestamp":1743500000}"#,
                "timestamp is more than views.horizon_days before the record was written: timestamp \
                 is 1743500000",
            ),
        ] {
            assert_eq!(merge(record), text, "{record}");
        }
        let forget = |record: &str| {
            let reason =
                parse_forget(record.as_bytes(), None, Written::At(NOW), 1, &mut Scratch::default());
            explain(RecordKind::Forget, None, record.as_bytes(), reason.unwrap_err()).to_string()
        };
        for (record, text) in [
            ("{}", "userId is missing"),
            (
                r#"{"timestamp":"noon","user_id":"u"}"#,
                "timestamp is neither ISO 8601 nor a number since 1970: timestamp is \"noon\"",
            ),
            (
                r#"{"userId":[],"from":{}}"#,
                "userId is not a text of 1 to 512 bytes or a number, or contradicts the path: userId \
                 is []",
            ),
        ] {
            assert_eq!(forget(record), text, "{record}");
        }
    }
}
