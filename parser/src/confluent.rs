//! Records in the wire format of Confluent's serializers: a zero byte, the id of a schema in four bytes,
//! then the value. No JSON begins with a zero byte.

use crate::id::without_byte_order_mark;
use crate::reason::Reason;

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
    match json.trim_ascii_start().first() {
        Some(b'{' | b'[') if str::from_utf8(json).is_ok() => Ok(json),
        _ if is_protobuf(value) => Err(Reason::Protobuf),
        _ => Err(Reason::Avro),
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
