//! Reads the parts of a request: percent-encoded text, query parameters, the body.

use crate::http::fault::Fault;
use bytes::Bytes;
use dataflows::record::event::Event;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use std::borrow::Cow;
use tokio::time::{Instant, timeout_at};

/// The most items that a client may ask for at once.
pub(super) const MOST_ITEMS: usize = 1000;

/// Percent-decodes a text.
pub(super) fn decode(encoded: &str) -> Result<Cow<'_, str>, Fault> {
    let decoded = percent_decode_str(encoded).decode_utf8();
    decoded.map_err(|_| Fault::Bad(format!("{encoded:?} is not UTF-8 once percent-decoded")))
}

/// Reads a user's id from a path's segment.
pub(super) fn user(encoded: &str) -> Result<String, Fault> {
    checked_user(decode(encoded)?.into_owned())
}

/// Returns a user's id if an event could have it.
pub(super) fn checked_user(user: String) -> Result<String, Fault> {
    checked("a user's id", &user).map(|()| user)
}

/// Checks that an event could have this id.
pub(super) fn checked(what: &str, id: &str) -> Result<(), Fault> {
    match id.len() {
        1..=Event::MAX_TEXT => Ok(()),
        length => {
            let limit = Event::MAX_TEXT;
            Err(Fault::Bad(format!("{what} has 1 to {limit} bytes, this one {length}")))
        }
    }
}

/// An id in a body. As in events, a number is the same as its decimal text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Text(String),
    Number(serde_json::Number),
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        match id {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        }
    }
}

/// The query of a request, the part of its target after the `?`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a>(pub(super) &'a str);

impl<'a> Query<'a> {
    /// Returns a parameter's decoded value; `None` if it is missing or empty. Of several the first
    /// counts.
    pub(super) fn get(self, name: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let Some((_, value)) = pairs.into_iter().find(|(key, _)| *key == name) else {
            return Ok(None);
        };
        let value = if value.contains('+') {
            Cow::Owned(decode(&value.replace('+', " "))?.into_owned())
        } else {
            decode(value)?
        };
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    /// Reads a parameter that is a number of items.
    pub(super) fn count(self, name: &str, default: usize) -> Result<usize, Fault> {
        let Some(value) = self.get(name)? else { return Ok(default) };
        match value.parse() {
            Ok(count @ 1..=MOST_ITEMS) => Ok(count),
            _ => Err(Fault::Bad(format!("{name} is a number from 1 to {MOST_ITEMS}"))),
        }
    }
}

/// Reads the whole body, if it is within the limit and arrives in time.
pub(super) async fn body(
    incoming: Incoming,
    limit: usize,
    deadline: Instant,
) -> Result<Bytes, Fault> {
    // A body that announces too large a size is refused before it is read.
    if incoming.size_hint().lower() > limit as u64 {
        return Err(Fault::TooLarge { limit });
    }
    match timeout_at(deadline, Limited::new(incoming, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Fault::TooLarge { limit }),
        Ok(Err(error)) => Err(Fault::Bad(format!("the body broke off: {error}"))),
        Err(_) => Err(Fault::SlowBody),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_checked() {
        for (query, name, expected) in [
            ("tag=a%20b&n=3", "tag", Some("a b")),
            ("tag=a+b", "tag", Some("a b")),
            ("tag=%2B", "tag", Some("+")),
            ("n=3&tag=x=y", "tag", Some("x=y")),
            ("tag=first&tag=second", "tag", Some("first")),
            ("tag=", "tag", None),
            ("tag", "tag", None),
            ("", "tag", None),
        ] {
            assert_eq!(Query(query).get(name).unwrap().as_deref(), expected, "{query}");
        }
        for (query, expected) in [
            ("", Some(10)),
            ("n=1", Some(1)),
            ("n=1000", Some(1000)),
            ("n=0", None),
            ("n=1001", None),
            ("n=-1", None),
            ("n=ten", None),
            ("n=%ff", None),
        ] {
            assert_eq!(Query(query).count("n", 10).ok(), expected, "{query}");
        }
    }

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
