//! Forgets: a user's events until a time count for nobody.

use crate::field::{Field, Scratch};
use crate::object::Object;
use crate::reason::Reason;
use crate::written::Written;
use dataflows::record::decision::Decision;

/// Reads a forget: `{"userId": user, "timestamp": …}`, its time as an event's, and at most so many hours
/// before the record was written.
///
/// Where `user` is given, the record may leave `userId` out, and may not name another.
///
/// # Errors
/// The [`Reason`] why the record is a dead letter.
pub fn parse_forget(
    record: &[u8],
    user: Option<&str>,
    written: Written,
    horizon_hours: u32,
    scratch: &mut Scratch,
) -> Result<Decision, Reason> {
    let mut object = Object::default();
    object.read(record, field_of, &mut scratch.texts)?;
    let texts = scratch.texts.as_str();
    let user = object.user(user, texts)?.to_owned();
    let time = object.time_within(texts, written, horizon_hours)?;
    Ok(Decision { user, time, account: None, recorded: written.hour(time) })
}

/// Finds the field of a forget that a key names.
pub(crate) fn field_of(key: &str) -> Option<Field> {
    Some(match key {
        "userId" | "user_id" => Field::User,
        "timestamp" => Field::Time,
        _ => return None,
    })
}
