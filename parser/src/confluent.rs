//! Records in the wire format of Confluent's serializers: a zero byte, the id of a schema in four bytes,
//! then the value. No JSON begins with a zero byte.

use crate::id::without_byte_order_mark;
use crate::reason::Reason;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// The schema's id and the value of a record in that format; `None` of any other record.
pub(crate) fn framed(record: &[u8]) -> Option<(u32, &[u8])> {
    let ([0, id @ ..], value) = record.split_first_chunk::<5>()? else { return None };
    Some((u32::from_be_bytes(*id), value))
}

/// Returns the JSON of a record, without a byte-order mark.
///
/// # Errors
/// When the record is framed, and its value is no JSON but Avro or Protobuf. Which, the schema alone says;
/// a value that is well-formed Protobuf counts as that.
pub(crate) fn json(record: &[u8]) -> Result<&[u8], Reason> {
    let Some((_, value)) = framed(record) else { return Ok(without_byte_order_mark(record)) };
    let json = without_byte_order_mark(value);
    if is_json(json) { Ok(json) } else { Err(other(value)) }
}

/// Returns the text of a key: itself, or what a JSON text in that format stands for.
///
/// # Errors
/// When the key is framed, and is no text but Avro or Protobuf.
pub(crate) fn key(key: &[u8]) -> Result<Cow<'_, [u8]>, Reason> {
    let Some((_, value)) = framed(key) else { return Ok(without_byte_order_mark(key).into()) };
    let text = without_byte_order_mark(value);
    if text.first().is_none_or(u8::is_ascii_control) || str::from_utf8(text).is_err() {
        return Err(other(value));
    }
    match serde_json::from_slice::<String>(text) {
        Ok(text) => Ok(text.into_bytes().into()),
        Err(_) => Ok(text.into()),
    }
}

/// Names a value that is no JSON.
fn other(value: &[u8]) -> Reason {
    if is_protobuf(value) { Reason::Protobuf } else { Reason::Avro }
}

/// Tells whether a value is meant as JSON, though it may be broken: it begins as an object does, or as a list
/// that is text, or is whole.
fn is_json(json: &[u8]) -> bool {
    let json = json.trim_ascii();
    let is_text = || str::from_utf8(json).is_ok();
    match json {
        [b'{', rest @ ..] => {
            matches!(rest.trim_ascii_start().first(), None | Some(b'"' | b'}')) || is_text()
        }
        [b'[', ..] => is_text(),
        _ => serde_json::from_slice::<IgnoredAny>(json).is_ok(),
    }
}

/// Tells whether a value is the path of a message within its schema and the message's fields. The path is
/// a count and as many indices; of the first message it is a single 0. Without any field it tells nothing.
fn is_protobuf(value: &[u8]) -> bool {
    let mut rest = value;
    let Some(count) = varint(&mut rest) else { return false };
    // Signed numbers are folded: 1 is 2.
    let indices = count / 2;
    (0..indices).all(|_| varint(&mut rest).is_some()) && !rest.is_empty() && are_fields(rest)
}

fn are_fields(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(tag) = varint(&mut rest).filter(|tag| *tag >> 3 > 0) else { return false };
        let length = match tag & 7 {
            0 if varint(&mut rest).is_some() => 0,
            1 => 8,
            2 => match varint(&mut rest).map(usize::try_from) {
                Some(Ok(length)) => length,
                _ => return false,
            },
            5 => 4,
            _ => return false,
        };
        let Some((_, behind)) = rest.split_at_checked(length) else { return false };
        rest = behind;
    }
    true
}

/// Takes a number of seven bits a byte, the lowest first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
