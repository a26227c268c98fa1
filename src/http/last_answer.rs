//! The last answers of connections, to requests whose head cannot be read.

use crate::http::json;
use hyper::StatusCode;
use hyper::header::RETRY_AFTER;

/// The most bytes of a request's head.
pub(super) const MAX_HEAD: usize = 64 << 10;

/// Answers a head that was not complete in time.
pub(super) fn slow_head() -> Vec<u8> {
    let error = "the request's head did not arrive in time";
    written(StatusCode::REQUEST_TIMEOUT, "", error, "send it sooner")
}

/// Answers a client for which there is no slot, and which has not asked in time.
pub(super) fn too_many(details: &str) -> Vec<u8> {
    let retry = format!("{RETRY_AFTER}: 1\r\n");
    written(StatusCode::SERVICE_UNAVAILABLE, &retry, "unavailable now, try again", details)
}

/// Answers a head that hyper refuses with a status; `error` is its own, and `unread` the beginning of
/// the head.
pub(super) fn refused_head(status: StatusCode, error: &str, unread: &[u8]) -> Vec<u8> {
    let is_large = status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    // hyper looks for the end of the head before it looks at the target.
    if status == StatusCode::URI_TOO_LONG || is_large && !unread.contains(&b'\n') {
        let details = format!("a request's line and headers have at most {MAX_HEAD} bytes");
        written(StatusCode::URI_TOO_LONG, "", "the request's target is too long", &details)
    } else if is_large {
        let details = format!("it has at most {MAX_HEAD} bytes and 100 headers");
        written(status, "", "the request's head is too large", &details)
    } else {
        written(
            status,
            "",
            "bad request",
            &format!("the head of the request is not HTTP/1.1: {error}"),
        )
    }
}

/// Writes an answer after which the connection ends; `headers` are further lines.
fn written(status: StatusCode, headers: &str, error: &str, details: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(128);
    json::error(&mut body, error, details);
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}connection: close\r\n\
         content-length: {length}\r\n\r\n"
    )
    .into_bytes();
    answer.append(&mut body);
    answer
}
