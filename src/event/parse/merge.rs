//! Merges: that what a guest did is an account's.

use super::object::{Field, Object};
use super::{Reason, Scratch, required, when};
use dataflows::record::merge::Merge;

/// Reads a merge: `{"userId": account, "from": guest, "timestamp": …}`, its time as an event's.
///
/// With `account` it is known whose it is, so that the record need not say, and may not contradict.
///
/// # Errors
/// The [`Reason`] why the record is a dead letter.
pub fn parse_merge(
    record: &[u8],
    account: Option<&str>,
    record_time_ms: Option<i64>,
    now_ms: i64,
    scratch: &mut Scratch,
) -> Result<Merge, Reason> {
    let mut object = Object::default();
    object.read(record, field, &mut scratch.texts)?;
    let texts = scratch.texts.as_str();
    let said = object.text(Field::User, texts, Reason::BadUser)?;
    if account.is_some() && said.is_some() && account != said {
        return Err(Reason::BadUser);
    }
    let account = required(account.or(said), Reason::NoUser, Reason::BadUser)?;
    let guest = object.text(Field::Session, texts, Reason::BadGuest)?;
    let guest = required(guest, Reason::NoGuest, Reason::BadGuest)?;
    if guest == account {
        return Err(Reason::SameUser);
    }
    let time = when(&object, texts, record_time_ms, now_ms)?;
    Ok(Merge { guest: guest.to_owned(), time, account: account.to_owned() })
}

/// The field of a merge that a key names. A guest is a session.
fn field(name: &str) -> Option<Field> {
    Some(match name {
        "userId" | "user_id" => Field::User,
        "from" => Field::Session,
        "timestamp" => Field::Time,
        _ => return None,
    })
}
