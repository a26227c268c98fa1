//! A JSON object's known fields, read in one pass without a tree.

use super::flat;
use super::skip::{MAX_DEPTH, Skip};
use super::{MAX_RECORD, Reason};
use dataflows::record::event::Event;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write};

/// The fields that events, merges and catalogue rows may have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Kind,
    User,
    Product,
    Time,
    Category,
    Session,
    Id,
    Name,
    Price,
    Deleted,
    Available,
    Tags,
}

/// Which field, if any, a key names.
pub(super) type Names = fn(&str) -> Option<Field>;

/// A text: borrowed from the record, or held in the scratch between two offsets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Held(u32, u32),
}

impl<'a> Text<'a> {
    fn within(self, texts: &'a str) -> &'a str {
        match self {
            Text::Borrowed(text) => text,
            Text::Held(start, end) => &texts[start as usize..end as usize],
        }
    }
}

/// What a field holds. A number is its decimal text, null is absent.
#[derive(Debug, Default)]
pub(super) enum Given<'a> {
    #[default]
    Absent,
    Text(Text<'a>),
    Flag(bool),
    List(Vec<Text<'a>>),
    Wrong,
}

/// The known fields of one object.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    fields: [Given<'a>; Field::Tags as usize + 1],
}

impl<'a> Object<'a> {
    /// Reads a record; what can't be borrowed from it goes to `texts`.
    ///
    /// Read into, not returned: an object is some hundred bytes, and was copied at every level.
    pub(super) fn read(
        &mut self,
        record: &'a [u8],
        names: Names,
        texts: &mut String,
    ) -> Result<(), Reason> {
        if record.len() > MAX_RECORD {
            return Err(Reason::TooLarge);
        }
        if self.read_flat(record, names).is_some() {
            return Ok(());
        }
        *self = Object::default();
        self.read_any(record, names, texts)
    }

    /// Reads a record of the common shape; with `None` it has another, and what was read means
    /// nothing.
    pub(super) fn read_flat(&mut self, record: &'a [u8], names: Names) -> Option<()> {
        flat::read(record, names, |field, given| {
            let slot = &mut self.fields[field as usize];
            if matches!(slot, Given::Absent) {
                *slot = given;
            }
        })
    }

    /// Reads a record of any shape.
    pub(super) fn read_any(
        &mut self,
        record: &'a [u8],
        names: Names,
        texts: &mut String,
    ) -> Result<(), Reason> {
        texts.clear();
        let mut json = sonic_rs::Deserializer::from_slice(record);
        match (ObjectSeed { object: self, names, texts }).deserialize(&mut json) {
            Ok(()) if json.end().is_ok() => Ok(()),
            Err(error) if error.is_unmatched_type() && !record.trim_ascii().starts_with(b"{") => {
                Err(Reason::NotObject)
            }
            _ => Err(Reason::NotJson),
        }
    }

    /// A field's text of at most [`Event::MAX_TEXT`] bytes, if it is given.
    pub(super) fn text(
        &self,
        field: Field,
        texts: &'a str,
        bad: Reason,
    ) -> Result<Option<&'a str>, Reason> {
        match self.any_text(field, texts) {
            Ok(text) if text.is_none_or(|text| text.len() <= Event::MAX_TEXT) => Ok(text),
            _ => Err(bad),
        }
    }

    /// A field's text, however long, if it is given.
    pub(super) fn any_text(&self, field: Field, texts: &'a str) -> Result<Option<&'a str>, ()> {
        match &self.fields[field as usize] {
            Given::Absent => Ok(None),
            Given::Text(text) => Ok(Some(text.within(texts))),
            _ => Err(()),
        }
    }

    /// A field's truth, if it is given.
    pub(super) fn flag(&self, field: Field) -> Result<Option<bool>, ()> {
        match self.fields[field as usize] {
            Given::Absent => Ok(None),
            Given::Flag(flag) => Ok(Some(flag)),
            _ => Err(()),
        }
    }

    /// What each field holds, however its texts are held.
    #[cfg(test)]
    pub(super) fn said(&self, texts: &str) -> Vec<String> {
        let within = |text: &Text<'_>| text.within(texts).to_owned();
        let said = |given: &Given<'_>| match given {
            Given::Text(text) => within(text),
            Given::List(list) => format!("{:?}", list.iter().map(within).collect::<Vec<_>>()),
            other => format!("{other:?}"),
        };
        self.fields.iter().map(said).collect()
    }

    /// The tags in their order, without empty ones and repeats.
    pub(super) fn into_tags(self, texts: &'a str) -> Result<Vec<&'a str>, Reason> {
        let [.., given] = self.fields;
        let given = match given {
            Given::Absent => return Ok(Vec::new()),
            Given::List(given) => given,
            _ => return Err(Reason::BadTags),
        };
        // Collected in place: a `Text` is as large as a `&str`, so the list is not allocated anew.
        let mut tags: Vec<&str> = given.into_iter().map(|tag| tag.within(texts)).collect();
        let mut kept = 0;
        for index in 0..tags.len() {
            let tag = tags[index];
            if tag.is_empty() || tags[..kept].contains(&tag) {
                continue;
            }
            if kept == Event::MAX_TAGS || tag.len() > Event::MAX_TEXT {
                return Err(Reason::BadTags);
            }
            tags[kept] = tag;
            kept += 1;
        }
        tags.truncate(kept);
        Ok(tags)
    }
}

struct ObjectSeed<'s, 'a> {
    object: &'s mut Object<'a>,
    names: Names,
    texts: &'s mut String,
}

impl<'a> DeserializeSeed<'a> for ObjectSeed<'_, 'a> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ObjectSeed<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(NameSeed(self.names))? {
            let slot = field.map(|field| &mut self.object.fields[field as usize]);
            match slot.filter(|slot| matches!(slot, Given::Absent)) {
                Some(slot) => {
                    *slot =
                        map.next_value_seed(ValueSeed { texts: self.texts, depth: MAX_DEPTH })?;
                }
                None => map.next_value_seed(MAX_DEPTH)?,
            }
        }
        Ok(())
    }
}

struct NameSeed(Names);

impl<'a> DeserializeSeed<'a> for NameSeed {
    type Value = Option<Field>;
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Option<Field>, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Option<Field>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<Option<Field>, E> {
        Ok((self.0)(name))
    }
}

struct ValueSeed<'s> {
    texts: &'s mut String,
    depth: Skip,
}

impl ValueSeed<'_> {
    fn hold<'a>(self, text: impl fmt::Display) -> Given<'a> {
        let start = self.texts.len();
        let written = write!(self.texts, "{text}");
        // A record is at most 1 MiB, and a number grows to at most a hundred times its size.
        match (written, u32::try_from(start), u32::try_from(self.texts.len())) {
            (Ok(()), Ok(start), Ok(end)) => Given::Text(Text::Held(start, end)),
            _ => Given::Wrong,
        }
    }
}

impl<'a> DeserializeSeed<'a> for ValueSeed<'_> {
    type Value = Given<'a>;
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Given<'a>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ValueSeed<'_> {
    type Value = Given<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Given<'a>, E> {
        Ok(Given::Text(Text::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Given<'a>, E> {
        Ok(self.hold(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Given<'a>, E> {
        Ok(self.hold(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Given<'a>, E> {
        Ok(self.hold(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Given<'a>, E> {
        // Beyond 2^53 two different numbers in the record may be one here, and so two users one.
        // Adding zero makes "0" of "-0".
        Ok(if number.abs() < 9_007_199_254_740_992.0 {
            self.hold(number + 0.0)
        } else {
            Given::Wrong
        })
    }

    fn visit_unit<E: Error>(self) -> Result<Given<'a>, E> {
        Ok(Given::Absent)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Given<'a>, E> {
        Ok(Given::Flag(flag))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Given<'a>, A::Error> {
        let (mut list, depth) = (Some(Vec::new()), self.depth.deeper()?);
        while let Some(given) = seq.next_element_seed(ValueSeed { texts: self.texts, depth })? {
            match (&mut list, given) {
                (Some(list), Given::Text(text)) => list.push(text),
                _ => list = None,
            }
        }
        Ok(list.map_or(Given::Wrong, Given::List))
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Given<'a>, A::Error> {
        self.depth.visit_map(map).map(|()| Given::Wrong)
    }
}
