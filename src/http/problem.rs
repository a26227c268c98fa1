//! Errors as problem details (RFC 9457).

use crate::http::json::{Object, list, plain};
use hyper::StatusCode;

/// What went wrong with a request.
pub(super) struct Problem<'a> {
    /// A word that does not change, for programs.
    pub(super) word: &'a str,
    pub(super) status: StatusCode,
    pub(super) error: &'a str,
    /// For a person.
    pub(super) details: &'a str,
}

/// `{"error", "details", "type", "title", "status", "detail"}`: problem details (RFC 9457), and before them what
/// clients of before read.
pub(super) fn write(out: &mut Vec<u8>, problem: &Problem<'_>) {
    started(out, problem).end();
}

/// The same with `"stored": "unknown", "events": [index]`, of events that may be stored.
pub(super) fn unknown(out: &mut Vec<u8>, problem: &Problem<'_>, events: &[usize]) {
    started(out, problem)
        .text("stored", "unknown")
        .with("events", |out| list(out, events, plain))
        .end();
}

/// An object with the fields of [`write`], for more.
pub(super) fn started<'o>(out: &'o mut Vec<u8>, problem: &Problem<'_>) -> Object<'o> {
    let Problem { word, status, error, details } = problem;
    Object::new(out)
        .text("error", error)
        .text("details", details)
        .text("type", &format!("urn:recsys:problem:{word}"))
        .text("title", error)
        .plain("status", status.as_u16())
        .text("detail", details)
}
