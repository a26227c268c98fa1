//! Holds answers to the description, `/openapi.json`: all that the fixture gets, in whatever test.

use super::client::Reply;
use super::schema::{DESCRIPTION, resolved, violations};
use crate::http::request::decode;
use crate::http::routes::{Route, find};
use crate::settings::registry::setting_at;
use crate::settings::under_config;
use parser::without_byte_order_mark;
use serde_json::Value;

/// Any route may answer with these; all are errors.
const EVERYWHERE: [u16; 3] = [404, 405, 421];

/// The headers that are part of an answer's meaning.
const MEANT: [&str; 6] =
    ["x-as-of", "x-stored", "etag", "www-authenticate", "retry-after", "accept-encoding"];

/// Holds an answer to what the description says of it, and the request's body, if it was taken.
pub(super) fn check(request: &str, body: &[u8], reply: &Reply) {
    let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
    let (method, target) = line.split_once(' ').unwrap();
    if method == "OPTIONS" {
        return;
    }
    let path = target.split('?').next().unwrap();
    let of_method = match method {
        "HEAD" => &described(path)["get"],
        _ => &described(path)[method.to_lowercase()],
    };
    let of_status = resolved(&of_method["responses"][reply.status.to_string()]);
    if of_status.is_null() {
        assert!(EVERYWHERE.contains(&reply.status), "{line} is answered {}", reply.status);
        let error = &DESCRIPTION["components"]["schemas"]["Error"];
        let told: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(violations(error, &told), [""; 0], "{line}: {reply:?}");
        return;
    }
    check_headers(line, of_status, reply);
    if of_status["content"].is_null() {
        assert_eq!((reply.header("content-type"), &*reply.body), (None, ""), "{line}");
        return;
    }
    let content_type = reply.header("content-type").unwrap().split(';').next().unwrap();
    let content = of_status["content"].as_object().unwrap().get(content_type);
    let schema = &content.unwrap_or_else(|| panic!("{line} is answered {content_type}"))["schema"];
    let is_json = content_type.ends_with("json");
    if is_json && method != "HEAD" {
        let told: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(violations(schema, &told), [""; 0], "{line}: {reply:?}");
    }
    let types = &of_method["requestBody"]["content"];
    let taken = &types["application/json"]["schema"];
    let headers = headers.to_ascii_lowercase();
    // Where a body may be of several types, it is JSON if it says so.
    let is_json = types.as_object().is_some_and(|types| types.len() == 1)
        || headers.contains("application/json");
    let is_plain = is_json && !headers.contains("gzip");
    let sent = without_byte_order_mark(body);
    let is_left_out = sent.is_empty() && of_method["requestBody"]["required"] == false;
    if reply.status < 300 && !taken.is_null() && is_plain && !is_left_out {
        let sent: Value = serde_json::from_slice(sent).unwrap();
        assert_eq!(violations(taken, &sent), [""; 0], "{line} takes {sent}");
    }
}

/// What the description says of a path: of a setting by itself.
pub(super) fn described(path: &str) -> &'static Value {
    let Some((route, parameter)) = find(path) else { return &DESCRIPTION["nothing"] };
    let node = decode("the path", parameter).ok().and_then(|path| under_config(&path).ok());
    let setting = node.filter(|_| route == Route::Config).and_then(|node| setting_at(&node));
    let pattern = match setting {
        Some(setting) => &format!("/api{}", setting.path),
        None => route.spec().pattern,
    };
    &DESCRIPTION["paths"][pattern]
}

fn check_headers(line: &str, of_status: &'static Value, reply: &Reply) {
    let described = of_status["headers"].as_object();
    let of_header = |name: &str| {
        described?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, of)| of)
    };
    for name in MEANT.into_iter().filter(|name| reply.header(name).is_some()) {
        assert!(of_header(name).is_some(), "{line}: {name} is not described: {reply:?}");
    }
    for (name, of_header) in described.into_iter().flatten() {
        let is_there = reply.header(&name.to_ascii_lowercase()).is_some();
        let is_promised = resolved(of_header)["required"] == true;
        assert!(is_there || !is_promised, "{line}: {name} is missing in {reply:?}");
    }
}
