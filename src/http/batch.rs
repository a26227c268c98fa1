//! The events of a body, one or an array of them, and what is wrong with it: which event, which field,
//! and where in the body.

use crate::event_log::NewRecord;
use crate::http::fault::Fault;
use parser::{
    Reason, RecordKind, Scratch, Written, explain, parse_event, syntax, without_byte_order_mark,
};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Reads the events of a body. The bytes that are stored are those that were sent; with a key, events that have no
/// `eventId` get one of it and of their index, so that they count once however often they are sent.
///
/// # Errors
/// When the body is not JSON, or one of the events is none.
pub(super) fn events(body: &[u8], key: Option<&str>) -> Result<Vec<NewRecord>, Fault> {
    let json = without_byte_order_mark(body);
    let is_array = json.trim_ascii_start().first() == Some(&b'[');
    let items = if is_array { array(json)? } else { vec![single(json)?] };
    if items.is_empty() {
        return Err(Fault::Bad("the array holds no event".into()));
    }
    let (now, mut scratch) = (jiff::Timestamp::now().as_millisecond(), Scratch::default());
    let events = items.iter().enumerate().map(|(index, item)| {
        let json = item.get().as_bytes();
        // No topic tells what the event says, so the event has to.
        let event = parse_event(json, None, Written::At(now), &mut scratch)
            .map_err(|reason| refusal(body, Some(index), RecordKind::Event, json, reason))?;
        let subject = event.event_type.topic().into();
        let json = match key.filter(|_| event.id.is_empty()) {
            Some(key) => with_id(json, &format!("{key}/{index}")),
            None => json.into(),
        };
        Ok(NewRecord { subject, key: event.user.into(), json })
    });
    events.collect()
}

/// Adds an `eventId`, which needs no escapes, to an event that has none, before its other fields.
fn with_id(event: &[u8], id: &str) -> Vec<u8> {
    let rest = event.strip_prefix(b"{").unwrap_or(event);
    [format!("{{\"eventId\":\"{id}\",").as_bytes(), rest].concat()
}

/// Tells why a record, which is a part of the body, is refused.
pub(super) fn refusal(
    body: &[u8],
    event: Option<usize>,
    kind: RecordKind,
    record: &[u8],
    reason: Reason,
) -> Fault {
    let explanation = explain(kind, None, record, reason);
    // Both lie in one buffer, so that the difference of addresses is the distance.
    let offset = record.as_ptr().addr() - body.as_ptr().addr() + explanation.offset;
    let event = event.map_or(String::new(), |index| format!("event {index}: "));
    Fault::Bad(format!("{event}{explanation}, at {}", place(body, offset)))
}

fn array(json: &[u8]) -> Result<Vec<&RawValue>, Fault> {
    let mut items = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(json);
    match reader.deserialize_seq(Items(&mut items)).and_then(|()| reader.end()) {
        Ok(()) => Ok(items),
        Err(error) => {
            let event = format!("event {}: ", items.len());
            Err(not_json(json, &event, &error))
        }
    }
}

fn single(json: &[u8]) -> Result<&RawValue, Fault> {
    let mut values = serde_json::Deserializer::from_slice(json).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(event)) => {
            let rest = json.len() - values.byte_offset();
            let more = json[json.len() - rest..].trim_ascii_start().len();
            if more == 0 {
                return Ok(event);
            }
            let place = place(json, json.len() - more);
            Err(Fault::Bad(format!(
                "event 1, at {place}, follows without an array: several are sent as [event, event]"
            )))
        }
        Some(Err(error)) => Err(not_json(json, "", &error)),
        None => Err(Fault::Bad("the body is empty".into())),
    }
}

/// Tells where a body, but for what it may begin with, is not JSON; `event` names the event that it is in, if there is
/// one.
pub(super) fn not_json(json: &[u8], event: &str, error: &serde_json::Error) -> Fault {
    let (text, offset) = syntax(json, error);
    Fault::Bad(format!("{event}the body is not JSON: {text}, at {}", place(json, offset)))
}

/// The line and the column of an offset, as editors count them.
fn place(text: &[u8], offset: usize) -> String {
    let before = &text[..offset];
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = String::from_utf8_lossy(&before[begin..]).chars().count() + 1;
    format!("line {line} column {column}")
}

/// Collects the items of an array, those before an error as well.
struct Items<'a, 'i>(&'i mut Vec<&'a RawValue>);

impl<'a> Visitor<'a> for Items<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            self.0.push(item);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflows::record::event::Kind;

    #[test]
    fn a_removal_is_stored_with_carts() {
        let removal = r#"{"eventType":"remove_from_cart","userId":"u","product":"p"}"#;
        let subjects =
            events(removal.as_bytes(), None).unwrap().into_iter().map(|record| record.subject);
        assert_eq!(subjects.collect::<Vec<_>>(), [Kind::AddToCart.into()]);
    }

    #[test]
    fn a_key_gives_events_without_an_id_one() {
        let bare = r#"{"eventType":"view","userId":"u","product":"p"}"#;
        let named = r#"{"eventType":"view","userId":"u","product":"p","eventId":"e"}"#;
        let body = format!("[{bare},{named},{bare}]");
        let stored = events(body.as_bytes(), Some("k")).unwrap();
        let stored = stored.into_iter().map(|record| String::from_utf8(record.json).unwrap());
        let with = |id: &str| bare.replacen('{', &format!("{{\"eventId\":\"{id}\","), 1);
        assert_eq!(stored.collect::<Vec<_>>(), [with("k/0"), named.to_owned(), with("k/2")]);
        for record in events(body.as_bytes(), Some("k")).unwrap() {
            let mut scratch = Scratch::default();
            let event = parse_event(&record.json, None, Written::At(0), &mut scratch).unwrap();
            assert!(!event.id.is_empty());
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_event_its_field_and_its_place() {
        let good = r#"{"eventType":"view","userId":"ü","product":"p"}"#;
        let kinds = "eventType is not view, add_to_cart, remove_from_cart or purchase, or contradicts the topic";
        let prices = "category is not a text of at most 512 bytes or a number";
        for (body, told) in [
            (String::new(), "the body is empty".to_owned()),
            ("[]".into(), "the array holds no event".into()),
            ("{".into(), "the body is not JSON: EOF while parsing an object, at line 1 column 1".into()),
            ("7".into(), "event 0: the record is not a JSON object: it is 7, at line 1 column 1".into()),
            (
                format!("[{good},7]"),
                "event 1: the record is not a JSON object: it is 7, at line 1 column 50".into(),
            ),
            (
                format!("[{good},\n {good},\n {{\"eventType\" \"view\"}}]"),
                "event 2: the body is not JSON: expected `:`, at line 3 column 15".into(),
            ),
            (
                format!("[{good},"),
                "event 1: the body is not JSON: EOF while parsing a value, at line 1 column 49".into(),
            ),
            (
                format!("[{good}]]"),
                "event 1: the body is not JSON: trailing characters, at line 1 column 50".into(),
            ),
            (
                format!("{good}\n{good}\n"),
                "event 1, at line 2 column 1, follows without an array: several are sent as [event, event]".into(),
            ),
            (
                format!("{good} x"),
                "event 1, at line 1 column 49, follows without an array: several are sent as [event, event]".into(),
            ),
            (
                format!("\u{feff}[{good},\n{}]", good.replace("view", "buy")),
                format!("event 1: {kinds}: eventType is \"buy\", at line 2 column 14"),
            ),
            (
                good.replace('}', r#","category":{"a":1}}"#),
                format!("event 0: {prices}: category is {{\"a\":1}}, at line 1 column 59"),
            ),
            (
                format!("[{good},{{\"eventType\":\"view\",\"product\":\"p\"}}]"),
                "event 1: userId is missing, at line 1 column 50".into(),
            ),
        ] {
            let fault = events(body.as_bytes(), None).unwrap_err();
            assert_eq!(fault.details(), told, "{body}");
        }
    }
}
