//! CORS: which web pages of other origins may use the routes from a browser.

use crate::access::Right;
use crate::http::fault::Fault;
use crate::http::reply::{Reply, empty_reply};
use crate::http::routes::{RouteSpec, Verb};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW,
    HOST, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, StatusCode};

/// The origins that are allowed.
pub(super) struct Cors {
    /// Whether every origin may read.
    any: bool,
    /// The origins that may read and write.
    origins: Vec<String>,
    /// The headers that a page may send.
    headers: HeaderValue,
}

/// The headers that any page that is let in may send: of bodies, of logins before a proxy, and of what
/// traces and repeats requests.
const HEADERS: [&str; 7] = [
    "content-type",
    "authorization",
    "if-match",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "x-request-id",
];

/// The headers that a page sees of an answer, beside those that it always does.
const EXPOSED: &str = "X-As-Of, X-Stored, ETag, X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate";

impl Cors {
    /// Lets pages of some origins in, which may send further headers.
    pub(super) fn new(origins: &[String], headers: &[String]) -> Cors {
        let (any, origins) = origins.iter().cloned().partition::<Vec<_>, _>(|origin| origin == "*");
        let headers = HEADERS.into_iter().chain(headers.iter().map(String::as_str));
        let headers = headers.collect::<Vec<_>>().join(", ");
        let headers = HeaderValue::from_str(&headers).expect("names of headers are plain ASCII");
        Cors { any: !any.is_empty(), origins, headers }
    }

    /// Refuses a write from a page whose origin is not allowed. The preflight does not suffice:
    /// browsers send plain forms without one, also to servers on the user's own machine.
    pub(super) fn check(&self, headers: &HeaderMap, right: Right) -> Result<(), Fault> {
        let Some(origin) = headers.get(ORIGIN).filter(|_| right.changes()) else {
            return Ok(());
        };
        let text = origin.as_bytes();
        let host = headers.get(HOST).map_or(&[][..], HeaderValue::as_bytes);
        if self.lets_in(origin, host) {
            return Ok(());
        }
        let origin = String::from_utf8_lossy(text);
        Err(Fault::CrossOrigin(format!(
            "add {origin:?} to the CORS origins to let its pages write"
        )))
    }

    fn lets_in(&self, origin: &HeaderValue, host: &[u8]) -> bool {
        let own = origin.as_bytes().strip_suffix(host);
        own.is_some_and(|scheme| scheme.ends_with(b"://")) || self.lists(origin)
    }

    /// Refuses what is sent with a public token by anything but a page whose origin is allowed.
    pub(super) fn check_public(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let host = headers.get(HOST).map_or(&[][..], HeaderValue::as_bytes);
        match headers.get(ORIGIN) {
            Some(origin) if self.lets_in(origin, host) => Ok(()),
            Some(origin) => {
                let origin = String::from_utf8_lossy(origin.as_bytes());
                Err(Fault::CrossOrigin(format!(
                    "add {origin:?} to the CORS origins to let its pages use public tokens"
                )))
            }
            None => {
                Err(Fault::CrossOrigin("public tokens are for pages, which send Origin".into()))
            }
        }
    }

    /// Adds the headers that tell the browser what a page may see of an answer.
    pub(super) fn mark(&self, reply: &mut Reply, headers: &HeaderMap, right: Option<Right>) {
        let Some(origin) = headers.get(ORIGIN) else { return };
        let Some(allowed) = self.allowed(origin, right.unwrap_or(Right::Read)) else { return };
        let answer = reply.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        answer.append(VARY, HeaderValue::from_static("Origin"));
    }

    /// Answers `OPTIONS` on a route: the methods that it allows, and whether a page may send the
    /// request that it plans.
    pub(super) fn preflight(&self, spec: &RouteSpec, headers: &HeaderMap) -> Reply {
        let allow = HeaderValue::from_str(&spec.allow()).expect("methods are plain ASCII");
        let mut reply = empty_reply(StatusCode::NO_CONTENT);
        reply.headers_mut().insert(ALLOW, allow.clone());
        let planned = headers
            .get(ACCESS_CONTROL_REQUEST_METHOD)
            .and_then(|method| Method::from_bytes(method.as_bytes()).ok())
            .and_then(|method| spec.method(Verb::of(&method)))
            .map(|method| method.right);
        if let Some(right) = planned {
            self.mark(&mut reply, headers, Some(right));
            let answer = reply.headers_mut();
            if answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
                answer.insert(ACCESS_CONTROL_ALLOW_METHODS, allow);
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
                answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            }
        }
        reply
    }

    fn allowed(&self, origin: &HeaderValue, right: Right) -> Option<HeaderValue> {
        if self.lists(origin) {
            Some(origin.clone())
        } else if self.any && !right.changes() {
            Some(HeaderValue::from_static("*"))
        } else {
            None
        }
    }

    fn lists(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
    }
}
