//! Answers to requests: the body, its type, and the logical time that it is as of.

use crate::http::content::Content;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

/// An answer to a request.
pub(super) type Reply = Response<Content>;

/// The header with the logical time that an answer is as of, in microseconds since the Unix epoch.
pub(super) const AS_OF: HeaderName = HeaderName::from_static("x-as-of");

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A 200 with a body of JSON.
pub(super) fn json_reply(body: Vec<u8>) -> Reply {
    typed_reply(JSON, body)
}

/// A 200 with a body of a given type.
pub(super) fn typed_reply(content_type: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Content::whole(body));
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// A 200 with a body of JSON that is as of a logical time.
pub(super) fn json_as_of(as_of: u64, body: Vec<u8>) -> Reply {
    let mut reply = json_reply(body);
    reply.headers_mut().insert(AS_OF, HeaderValue::from(as_of));
    reply
}

/// An answer without a body.
pub(super) fn empty_reply(status: StatusCode) -> Reply {
    let mut reply = Response::new(Content::default());
    *reply.status_mut() = status;
    reply
}
