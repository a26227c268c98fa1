//! Reads the parts of a request's path: percent-encoded text, ids.

use crate::http::fault::Fault;
use dataflows::record::event::Event;
use parser::is_id;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The most items that a client may ask for at once.
pub(super) const MOST_ITEMS: usize = 1000;

/// Percent-decodes a text.
pub(super) fn decode(encoded: &str) -> Result<Cow<'_, str>, Fault> {
    let decoded = percent_decode_str(encoded).decode_utf8();
    decoded.map_err(|_| Fault::Bad(format!("{encoded:?} is not UTF-8 once percent-decoded")))
}

/// Reads a user's id from a path's segment.
pub(super) fn user(encoded: &str) -> Result<String, Fault> {
    let user = decode(encoded)?.into_owned();
    checked("a user's id", &user).map(|()| user)
}

/// Checks that an event could have this id.
pub(super) fn checked(what: &str, id: &str) -> Result<(), Fault> {
    if is_id(id) {
        return Ok(());
    }
    let (limit, length) = (Event::MAX_TEXT, id.len());
    Err(Fault::Bad(format!("{what} has 1 to {limit} bytes, this one {length}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_utf8_of_1_to_512_bytes() {
        let longest = "u".repeat(512);
        for (encoded, expected) in [
            ("user1", Some("user1")),
            ("a%2Fb", Some("a/b")),
            ("%C3%BC", Some("ü")),
            ("%", Some("%")),
            (&*longest, Some(&*longest)),
            ("", None),
            ("%FF", None),
            (&*format!("{longest}u"), None),
        ] {
            assert_eq!(user(encoded).ok().as_deref(), expected, "{encoded}");
        }
    }
}
