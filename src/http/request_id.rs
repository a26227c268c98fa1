//! The id of a request, by which an answer is found in the logs of all that it has passed.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// The header of requests and of answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a request.
const LONGEST: usize = 128;

/// Makes ids for requests that have none.
pub(super) struct RequestIds {
    /// Differs from process to process, and from start to start.
    start: u64,
    made: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> RequestIds {
        RequestIds { start: RandomState::new().hash_one(0), made: AtomicU64::new(0) }
    }

    /// Returns the id that a request has, if it is a plain text, or else a new one.
    pub(super) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let is_plain = |id: &&HeaderValue| {
            (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        headers.get(REQUEST_ID).filter(is_plain).cloned().unwrap_or_else(|| {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            let id = format!("{:016x}{number:08x}", self.start);
            HeaderValue::from_str(&id).expect("it is plain ASCII")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_passed_on_if_it_is_plain_and_made_if_not() {
        let ids = RequestIds::new();
        let longest = "a".repeat(LONGEST);
        for (given, expected) in [
            (Some("4bf92f35-77b3"), true),
            (Some(&*longest), true),
            (Some(&*format!("{longest}a")), false),
            (Some("a b"), false),
            (Some(""), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            }
            let id = ids.of(&headers);
            assert_eq!(given.is_some_and(|given| id == given), expected, "{given:?}");
            assert!(expected || id.len() == 24, "{id:?}");
        }
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
    }
}
