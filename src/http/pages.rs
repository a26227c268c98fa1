//! The pages for people, and what they may load.

use crate::http::call::Call;
use crate::http::console::{self, ConsoleFile, INDEX};
use crate::http::docs::DOCS;
use crate::http::fault::Fault;
use crate::http::reply::{Reply, empty_reply, typed_reply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use hyper::{HeaderMap, StatusCode};
use ring::digest::{SHA256, digest};
use std::sync::LazyLock;

/// What the console may load: files of its own, and pictures that it has made itself. Nobody may frame it.
const CONSOLE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What the page of the routes may load: nothing, but its own style.
static DOCS_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = DOCS.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let style = style.map_or("", |(style, _)| style);
    let digest = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("it is plain ASCII")
});

/// `GET /`
pub(super) fn console(call: &Call<'_>) -> Reply {
    sent(console::file(INDEX).expect("a test sees that it is there"), call.headers)
}

/// `GET /console/{file}`
pub(super) fn console_file(call: &Call<'_>) -> Result<Reply, Fault> {
    let file = console::file(call.parameter);
    let file = file.ok_or_else(|| Fault::NoRoute(format!("/console/{}", call.parameter)))?;
    Ok(sent(file, call.headers))
}

/// `GET /docs`
pub(super) fn docs() -> Reply {
    let mut reply = typed_reply(HeaderValue::from_static("text/html; charset=utf-8"), &**DOCS);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, DOCS_POLICY.clone());
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

/// A file as the client takes it: compressed, or not at all if it has it.
fn sent(file: &ConsoleFile, asked: &HeaderMap) -> Reply {
    let takes = |header, wanted: &str| {
        let sent = asked.get(header).and_then(|value: &HeaderValue| value.to_str().ok());
        sent.is_some_and(|sent| sent.split(',').any(|item| item.trim() == wanted))
    };
    let tag = file.tag.to_str().unwrap_or_default();
    let mut reply = if takes(IF_NONE_MATCH, tag) {
        empty_reply(StatusCode::NOT_MODIFIED)
    } else if takes(ACCEPT_ENCODING, "gzip") {
        let mut reply = typed_reply(file.content_type.clone(), file.gzip.clone());
        reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        reply
    } else {
        typed_reply(file.content_type.clone(), file.bytes)
    };
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, CONSOLE_POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(ETAG, file.tag.clone());
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // A browser asks each time, and is told that nothing has changed.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
