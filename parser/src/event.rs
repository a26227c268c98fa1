//! Events: a visitor viewed a product, put it into the cart, took it out or bought it.

use crate::field::{Field, Scratch};
use crate::object::{Object, required};
use crate::reason::Reason;
use crate::written::Written;
use dataflows::record::event::{Event, EventType, Kind};

/// Reads an event.
///
/// `topic_kind` is the kind of an event that has no `eventType`; one that names a type that is not written to the topic of
/// that kind is refused. With `None` the event must name its type. An event without a `timestamp` has the time at
/// which it was written. Of several spellings of a field, the first that is not null counts.
///
/// # Errors
/// The [`Reason`] why the record is a dead letter.
pub fn parse_event<'a>(
    record: &'a [u8],
    topic_kind: Option<Kind>,
    written: Written,
    scratch: &'a mut Scratch,
) -> Result<Event<'a>, Reason> {
    let mut object = Object::default();
    object.read(record, field_of, &mut scratch.texts)?;
    // From here on nothing is written to the scratch, so its texts can be borrowed as well.
    let texts = scratch.texts.as_str();
    let text = |field, bad| object.text(field, texts, bad);

    let name = object.any_text(Field::Kind, texts).map_err(|()| Reason::WrongType)?;
    let event_type = match (name.map(EventType::from_name), topic_kind) {
        (None, Some(topic)) => topic.into(),
        (Some(Some(named)), topic) if topic.is_none_or(|topic| topic == named.topic()) => named,
        _ => return Err(Reason::WrongType),
    };
    let user = match text(Field::User, Reason::BadUser)? {
        // A session without a user is a guest.
        user @ (None | Some("")) => {
            let session = text(Field::Session, Reason::BadSession)?;
            session.filter(|guest| !guest.is_empty()).or(user)
        }
        user => user,
    };
    let user = required(user, Reason::NoUser, Reason::BadUser)?;
    let product =
        required(text(Field::Product, Reason::BadProduct)?, Reason::NoProduct, Reason::BadProduct)?;
    let time = object.time(texts, written)?;
    let category = text(Field::Category, Reason::BadCategory)?.unwrap_or("");
    let session = text(Field::Session, Reason::BadSession)?.unwrap_or("");
    let id = text(Field::Id, Reason::BadId)?.unwrap_or("");
    let tags = object.into_tags(texts)?;
    let recorded = written.hour(time);
    Ok(Event { event_type, time, user, product, category, session, id, tags, recorded })
}

/// Finds the field of an event that a key names.
pub(crate) fn field_of(key: &str) -> Option<Field> {
    Some(match key {
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
