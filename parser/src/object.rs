//! The known fields of one record.

use crate::confluent;
use crate::field::{Field, FieldOf, FieldValue};
use crate::reason::Reason;
use crate::time::{TimeError, milliseconds};
use crate::written::Written;
use crate::{flat, json};
use dataflows::record::event::Event;

/// The longest record that is read, in bytes: what a broker takes by default.
pub const MAX_RECORD: usize = 1 << 20;

/// The known fields of one record. Of several values of a field, the first that is not null counts.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    fields: [FieldValue<'a>; Field::COUNT],
}

impl<'a> Object<'a> {
    /// Reads a record; texts that can't be borrowed from it go to `texts`.
    ///
    /// It fills an object rather than returning one: some hundred bytes were copied at every level.
    pub(crate) fn read(
        &mut self,
        record: &'a [u8],
        field_of: FieldOf,
        texts: &mut String,
    ) -> Result<(), Reason> {
        if record.len() > MAX_RECORD {
            return Err(Reason::TooLarge);
        }
        let record = confluent::json(record)?;
        if self.read_flat(record, field_of).is_some() {
            return Ok(());
        }
        *self = Object::default();
        self.read_json(record, field_of, texts)
    }

    /// Reads a record of the common shape. With `None` it has another shape, and the fields that were
    /// read mean nothing.
    pub(crate) fn read_flat(&mut self, record: &'a [u8], field_of: FieldOf) -> Option<()> {
        flat::read(record, field_of, |field, value| self.set(field, value))
    }

    /// Reads a record of any shape.
    pub(crate) fn read_json(
        &mut self,
        record: &'a [u8],
        field_of: FieldOf,
        texts: &mut String,
    ) -> Result<(), Reason> {
        texts.clear();
        json::read(record, field_of, texts, |field, value| self.set(field, value))
    }

    #[inline]
    fn set(&mut self, field: Field, value: FieldValue<'a>) {
        let slot = &mut self.fields[field as usize];
        if matches!(slot, FieldValue::Absent) {
            *slot = value;
        }
    }

    /// A field's text of at most [`Event::MAX_TEXT`] bytes, if the record has one.
    pub(crate) fn text(
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

    /// A field's text of any length, if the record has one.
    pub(crate) fn any_text(&self, field: Field, texts: &'a str) -> Result<Option<&'a str>, ()> {
        match &self.fields[field as usize] {
            FieldValue::Absent => Ok(None),
            FieldValue::Text(text) => Ok(Some(text.within(texts))),
            _ => Err(()),
        }
    }

    /// A field's boolean, if the record has one; it may be written as a text.
    pub(crate) fn flag(&self, field: Field, texts: &str) -> Result<Option<bool>, ()> {
        match &self.fields[field as usize] {
            FieldValue::Absent => Ok(None),
            FieldValue::Flag(flag) => Ok(Some(*flag)),
            FieldValue::Text(text) => text.within(texts).parse().map(Some).map_err(drop),
            _ => Err(()),
        }
    }

    /// True where the record has no field that is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.iter().all(|value| matches!(value, FieldValue::Absent))
    }

    /// The record's `timestamp`, or else when it was written; in milliseconds.
    pub(crate) fn time(&self, texts: &str, written: Written) -> Result<i64, Reason> {
        let time = match self.text(Field::Time, texts, Reason::BadTimestamp)? {
            Some(text) => milliseconds(text).map_err(|error| match error {
                TimeError::NoTime => Reason::BadTimestamp,
                TimeError::TooOld => Reason::OldTimestamp,
                TimeError::NoOffset => Reason::NoOffset,
            })?,
            None => written.time(),
        };
        if written.limit().is_some_and(|limit| time > limit) {
            return Err(Reason::FutureTimestamp);
        }
        Ok(time)
    }

    /// The time of a decision, which is at most so many hours before its record was written.
    pub(crate) fn time_within(
        &self,
        texts: &str,
        written: Written,
        hours: u32,
    ) -> Result<i64, Reason> {
        let time = self.time(texts, written)?;
        if written.oldest(hours).is_some_and(|oldest| time < oldest) {
            return Err(Reason::TooOld);
        }
        Ok(time)
    }

    /// The user that the record or, where it is given, the request's path names. They may not differ.
    pub(crate) fn user<'t>(
        &'t self,
        given: Option<&'t str>,
        texts: &'t str,
    ) -> Result<&'t str, Reason> {
        let named = self.text(Field::User, texts, Reason::BadUser)?;
        if given.is_some() && named.is_some() && given != named {
            return Err(Reason::BadUser);
        }
        required(given.or(named), Reason::NoUser, Reason::BadUser)
    }

    /// The tags in their order, without empty ones and repeats.
    pub(crate) fn into_tags(self, texts: &'a str) -> Result<Vec<&'a str>, Reason> {
        let [.., tags] = self.fields;
        let texts_of_tags = match tags {
            FieldValue::Absent => return Ok(Vec::new()),
            FieldValue::List(list) => list,
            _ => return Err(Reason::BadTags),
        };
        // Collected in place: a `Text` is as large as a `&str`, so the list is not allocated anew.
        let mut tags: Vec<&str> = texts_of_tags.into_iter().map(|tag| tag.within(texts)).collect();
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

    /// The values of all fields as texts, wherever they are held.
    #[cfg(test)]
    pub(crate) fn shown(&self, texts: &str) -> Vec<String> {
        let within = |text: &crate::field::Text<'_>| text.within(texts).to_owned();
        let shown = |value: &FieldValue<'_>| match value {
            FieldValue::Text(text) => within(text),
            FieldValue::List(list) => format!("{:?}", list.iter().map(within).collect::<Vec<_>>()),
            other => format!("{other:?}"),
        };
        self.fields.iter().map(shown).collect()
    }
}

/// A text that must be there and not be empty.
pub(crate) fn required(text: Option<&str>, absent: Reason, empty: Reason) -> Result<&str, Reason> {
    match text {
        None => Err(absent),
        Some("") => Err(empty),
        Some(text) => Ok(text),
    }
}
