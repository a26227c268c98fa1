//! One record in, one event out, or the reason why not.
//!
//! The texts of an event are borrowed from its record. What can't be borrowed (a text with escapes,
//! a number taken as its decimal text) is written into a [`Scratch`] that is used again for the
//! next record, so that an event costs one allocation when it has tags, and none when it has not.

mod reason;
mod object;
mod flat;
mod skip;
mod time;
mod catalogue;
mod merge;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod properties;

pub use catalogue::parse_row;
pub use merge::parse_merge;
pub use reason::Reason;
pub(crate) use time::milliseconds;

use dataflows::record::event::{Event, Kind};
use object::{Field, Object};

/// The longest record that is looked at, in bytes: what a broker takes by default.
pub const MAX_RECORD: usize = 1 << 20;

/// How far ahead of us an event may be, in milliseconds: a day.
pub const MAX_AHEAD: i64 = 24 * 60 * 60 * 1000;

/// What a parser keeps between records, so that texts that can't be borrowed cost no allocation.
#[derive(Debug, Default)]
pub struct Scratch {
    texts: String,
}

/// Reads an event of a topic.
///
/// `topic_kind` is what an event is that does not say, and what it may not contradict; with `None`
/// the event has to say. `record_time_ms`, where there is one, stands in for a missing `timestamp`,
/// and `now_ms` for both. Of several spellings of a field, the first that is not null counts.
///
/// # Errors
/// The [`Reason`] why the record is a dead letter.
pub fn parse<'a>(
    record: &'a [u8],
    topic_kind: impl Into<Option<Kind>>,
    record_time_ms: Option<i64>,
    now_ms: i64,
    scratch: &'a mut Scratch,
) -> Result<Event<'a>, Reason> {
    let mut object = Object::default();
    object.read(record, field, &mut scratch.texts)?;
    // From here on nothing is written, so what was held can be borrowed as well.
    let texts = scratch.texts.as_str();
    let text = |field, bad| object.text(field, texts, bad);

    let said = object.any_text(Field::Kind, texts).map_err(|()| Reason::WrongType)?;
    let kind = match (said.map(Kind::from_name), topic_kind.into()) {
        (None, Some(topic)) => topic,
        (Some(Some(said)), topic) if topic.is_none_or(|topic| topic == said) => said,
        _ => return Err(Reason::WrongType),
    };
    let user = match text(Field::User, Reason::BadUser)? {
        // A session without a user is a guest.
        None => text(Field::Session, Reason::BadSession)?.filter(|guest| !guest.is_empty()),
        user => user,
    };
    let user = required(user, Reason::NoUser, Reason::BadUser)?;
    let product =
        required(text(Field::Product, Reason::BadProduct)?, Reason::NoProduct, Reason::BadProduct)?;
    let time = when(&object, texts, record_time_ms, now_ms)?;
    let category = text(Field::Category, Reason::BadCategory)?.unwrap_or("");
    let session = text(Field::Session, Reason::BadSession)?.unwrap_or("");
    let id = text(Field::Id, Reason::BadId)?.unwrap_or("");
    let tags = object.into_tags(texts)?;
    Ok(Event { kind, time, user, product, category, session, id, tags })
}

/// When it was, by the record or else by its own time.
fn when(
    object: &Object<'_>,
    texts: &str,
    record_time_ms: Option<i64>,
    now_ms: i64,
) -> Result<i64, Reason> {
    let time = match object.text(Field::Time, texts, Reason::BadTimestamp)? {
        Some(text) => time::milliseconds(text).ok_or(Reason::BadTimestamp)?,
        None => record_time_ms.filter(|&time| time >= 0).unwrap_or(now_ms),
    };
    if time > now_ms.saturating_add(MAX_AHEAD) {
        return Err(Reason::FutureTimestamp);
    }
    Ok(time)
}

/// Whether a record, if it is an event, says itself when it happened.
pub fn says_when(record: &[u8], scratch: &mut Scratch) -> bool {
    let mut object = Object::default();
    let read = object.read(record, field, &mut scratch.texts);
    read.is_ok() && object.any_text(Field::Time, &scratch.texts) != Ok(None)
}

fn required(given: Option<&str>, absent: Reason, empty: Reason) -> Result<&str, Reason> {
    match given {
        None => Err(absent),
        Some("") => Err(empty),
        Some(text) => Ok(text),
    }
}

/// The field of an event that a key names.
fn field(name: &str) -> Option<Field> {
    Some(match name {
        "eventType" => Field::Kind,
        "userId" | "user_id" => Field::User,
        "product" | "productId" | "product_id" => Field::Product,
        "timestamp" => Field::Time,
        "tags" => Field::Tags,
        "category" => Field::Category,
        "eventId" | "event_id" => Field::Id,
        "sessionId" | "session_id" => Field::Session,
        _ => return None,
    })
}
