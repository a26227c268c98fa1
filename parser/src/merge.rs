//! Merges: a user was another one, and its events become the account's.

use crate::field::{Field, Scratch};
use crate::object::{Object, required};
use crate::reason::Reason;
use crate::written::Written;
use dataflows::record::decision::Decision;

/// Reads a merge: `{"userId": account, "from": user, "timestamp": …}`, its time as an event's, and at most
/// so many hours before the record was written.
///
/// Where `account` is given, the record may leave `userId` out, and may not name another.
///
/// # Errors
/// The [`Reason`] why the record is a dead letter.
pub fn parse_merge(
    record: &[u8],
    account: Option<&str>,
    written: Written,
    horizon_hours: u32,
    scratch: &mut Scratch,
) -> Result<Decision, Reason> {
    let mut object = Object::default();
    object.read(record, field_of, &mut scratch.texts)?;
    let texts = scratch.texts.as_str();
    let account = object.user(account, texts)?;
    let user = object.text(Field::Session, texts, Reason::BadGuest)?;
    let user = required(user, Reason::NoGuest, Reason::BadGuest)?;
    if user == account {
        return Err(Reason::SameUser);
    }
    let time = object.time_within(texts, written, horizon_hours)?;
    let (user, account) = (user.to_owned(), Some(account.to_owned()));
    Ok(Decision { user, time, account, recorded: written.hour(time) })
}

/// Finds the field of a merge that a key names. The user that was another has a session's place, since an
/// event's user is one as well.
pub(crate) fn field_of(key: &str) -> Option<Field> {
    Some(match key {
        "userId" | "user_id" => Field::User,
        "from" => Field::Session,
        "timestamp" => Field::Time,
        _ => return None,
    })
}
