//! The last answers of connections, to requests whose head cannot be read.

use crate::http::problem::{self, Problem};
use hyper::StatusCode;
use hyper::header::RETRY_AFTER;

/// The most bytes of a request's head.
pub(super) const MAX_HEAD: usize = 64 << 10;

/// Answers a head that was not complete in time.
pub(super) fn slow_head() -> Vec<u8> {
    let error = "the request's head did not arrive in time";
    let problem = Problem {
        word: "slow-head",
        status: StatusCode::REQUEST_TIMEOUT,
        error,
        details: "send it sooner",
    };
    written("", &problem)
}

/// Answers a client for which there is no slot, and which has not asked in time.
pub(super) fn too_many(details: &str) -> Vec<u8> {
    let retry = format!("{RETRY_AFTER}: 1\r\n");
    let (status, error) = (StatusCode::SERVICE_UNAVAILABLE, "unavailable now, try again");
    written(&retry, &Problem { word: "unavailable", status, error, details })
}

/// Answers a head that hyper refuses with a status; `error` is its own, and `unread` the beginning of
/// the head.
pub(super) fn refused_head(status: StatusCode, error: &str, unread: &[u8]) -> Vec<u8> {
    let is_large = status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    // hyper looks for the end of the head before it looks at the target.
    if status == StatusCode::URI_TOO_LONG || is_large && !unread.contains(&b'\n') {
        let details = format!("a request's line and headers have at most {MAX_HEAD} bytes");
        let (status, error) = (StatusCode::URI_TOO_LONG, "the request's target is too long");
        written("", &Problem { word: "long-target", status, error, details: &details })
    } else if is_large {
        let details = format!("it has at most {MAX_HEAD} bytes and 100 headers");
        let error = "the request's head is too large";
        written("", &Problem { word: "large-head", status, error, details: &details })
    } else {
        let details = format!("the head of the request is not HTTP/1.1: {error}");
        written(
            "",
            &Problem { word: "bad-request", status, error: "bad request", details: &details },
        )
    }
}

/// Writes an answer after which the connection ends; `headers` are further lines.
fn written(headers: &str, problem: &Problem<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(128);
    problem::write(&mut body, problem);
    let (length, status) = (body.len(), problem.status);
    let mut answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n{headers}connection: close\r\n\
         content-length: {length}\r\n\r\n"
    )
    .into_bytes();
    answer.append(&mut body);
    answer
}
