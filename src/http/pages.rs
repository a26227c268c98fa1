//! The pages for people, and what they may load.

use crate::http::docs::DOCS;
use crate::http::reply::{Reply, typed_reply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use ring::digest::{SHA256, digest};
use std::sync::LazyLock;

const PAGE: &str = include_str!("page.html");

static PAGE_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(PAGE));
static DOCS_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(&DOCS));

/// `GET /`
pub(super) fn page() -> Reply {
    shown(PAGE, &PAGE_POLICY)
}

/// `GET /docs`
pub(super) fn docs() -> Reply {
    shown(&DOCS, &DOCS_POLICY)
}

fn shown(page: &'static str, policy: &HeaderValue) -> Reply {
    let mut reply = typed_reply(HeaderValue::from_static("text/html; charset=utf-8"), page);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

/// What a page may load: nothing, but its own style. Nobody may frame it.
fn policy(page: &str) -> HeaderValue {
    let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let style = style.map_or("", |(style, _)| style);
    let digest = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("it is plain ASCII")
}
