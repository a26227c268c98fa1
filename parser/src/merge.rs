//! Merges: a guest has signed in, and its events become the account's.

use crate::field::{Field, Scratch};
use crate::object::{Object, required};
use crate::reason::Reason;
use crate::written::Written;
use dataflows::record::decision::Decision;

/// Reads a merge: `{"userId": account, "from": guest, "timestamp": …}`, its time as an event's.
///
/// Where `account` is given, the record may leave `userId` out, and may not name another.
///
/// # Errors
/// The [`Reason`] why the record is a dead letter.
pub fn parse_merge(
    record: &[u8],
    account: Option<&str>,
    written: Written,
    scratch: &mut Scratch,
) -> Result<Decision, Reason> {
    let mut object = Object::default();
    object.read(record, field_of, &mut scratch.texts)?;
    let texts = scratch.texts.as_str();
    let named = object.text(Field::User, texts, Reason::BadUser)?;
    if account.is_some() && named.is_some() && account != named {
        return Err(Reason::BadUser);
    }
    let account = required(account.or(named), Reason::NoUser, Reason::BadUser)?;
    let guest = object.text(Field::Session, texts, Reason::BadGuest)?;
    let guest = required(guest, Reason::NoGuest, Reason::BadGuest)?;
    if guest == account {
        return Err(Reason::SameUser);
    }
    let time = object.time(texts, written)?;
    let (user, account) = (guest.to_owned(), Some(account.to_owned()));
    Ok(Decision { user, time, account, recorded: written.hour(time) })
}

/// Finds the field of a merge that a key names. A guest is a session.
pub(crate) fn field_of(key: &str) -> Option<Field> {
    Some(match key {
        "userId" | "user_id" => Field::User,
        "from" => Field::Session,
        "timestamp" => Field::Time,
        _ => return None,
    })
}
