//! Reads the parts of a request's path: percent-encoded text, ids.

use crate::http::fault::Fault;
use dataflows::record::event::Event;
use parser::{beginning, is_id};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The most items that a client may ask for at once.
pub(super) const MOST_ITEMS: usize = 1000;

/// Percent-decodes a text, named by `what`.
pub(super) fn decode<'a>(what: &str, encoded: &'a str) -> Result<Cow<'a, str>, Fault> {
    percent_decode_str(encoded).decode_utf8().map_err(|error| {
        let (found, at) = (format!("{encoded:?}"), error.valid_up_to() + 1);
        let found = beginning(&found);
        Fault::Bad(format!("{what} is not UTF-8 once percent-decoded, from byte {at} on: {found}"))
    })
}

/// Reads an id, named by `what`, from a path's segment.
pub(super) fn id(what: &str, encoded: &str) -> Result<String, Fault> {
    let id = decode(what, encoded)?.into_owned();
    if is_id(&id) {
        return Ok(id);
    }
    let (limit, length) = (Event::MAX_TEXT, id.len());
    Err(Fault::Bad(format!("{what} is a text of 1 to {limit} bytes, this one has {length}")))
}

/// Reads a user's id from a path's segment.
pub(super) fn user(encoded: &str) -> Result<String, Fault> {
    id("userId in the path", encoded)
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

    #[test]
    fn what_is_wrong_is_told_by_name() {
        for (encoded, expected) in [
            ("", "userId in the path is a text of 1 to 512 bytes, this one has 0"),
            (
                "ab%FFc",
                "userId in the path is not UTF-8 once percent-decoded, from byte 3 on: \"ab%FFc\"",
            ),
        ] {
            assert_eq!(user(encoded).unwrap_err().details(), expected, "{encoded}");
        }
    }
}
