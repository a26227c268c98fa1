//! Handlers of settings: nodes of the store below `/config`, and the weights among them.

use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::json::{self, Object};
use crate::http::reply::{JSON, Reply, json_reply, typed_reply};
use crate::http::request;
use crate::settings::{WEIGHTS, under_config, weights};
use dataflows::score::weights::Weights;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde::de::IgnoredAny;

const STORE: &str = "the settings store";

/// `GET /api/config/{path}`: the value as it is stored.
pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let path = node(call.parameter)?;
    let value = call.wait(STORE, call.front.settings.get(&path)).await?;
    let value = value.ok_or(Fault::NoNode(path))?;
    let content_type = if serde_json::from_slice::<IgnoredAny>(&value).is_ok() {
        JSON
    } else if std::str::from_utf8(&value).is_ok() {
        HeaderValue::from_static("text/plain; charset=utf-8")
    } else {
        HeaderValue::from_static("application/octet-stream")
    };
    let mut reply = typed_reply(content_type, value);
    // A browser must not guess that a setting is a page.
    reply.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(reply)
}

/// `PUT`, `POST /api/config/{path}`: the body is the value.
pub(super) async fn write(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let path = node(call.parameter)?;
    let value = call.read(body).await?;
    if path == WEIGHTS {
        checked_weights(&value)?;
    }
    call.wait(STORE, call.front.settings.put(&path, value.to_vec())).await?;
    let mut body = Vec::with_capacity(64);
    Object::new(&mut body).text("path", &path).end();
    Ok(json_reply(body))
}

/// `GET /api/recommendation/weights`: those in the store, or the default if it has none.
pub(super) async fn read_weights(call: &Call<'_>) -> Result<Reply, Fault> {
    Ok(weights_reply(&stored_weights(call).await?))
}

/// `POST /api/recommendation/weights`
pub(super) async fn write_weights(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let weights = checked_weights(&call.read(body).await?)?;
    let mut value = Vec::with_capacity(64);
    json::weights(&mut value, &weights);
    call.wait(STORE, call.front.settings.put(WEIGHTS, value)).await?;
    Ok(weights_reply(&weights))
}

/// Reads the weights in the store.
pub(super) async fn stored_weights(call: &Call<'_>) -> Result<Weights, Fault> {
    let Some(value) = call.wait(STORE, call.front.settings.get(WEIGHTS)).await? else {
        return Ok(Weights::default());
    };
    weights::parse(&value).map_err(|reason| {
        Fault::Refused(format!("{WEIGHTS} holds no weights, the last good ones stay: {reason}"))
    })
}

fn checked_weights(value: &[u8]) -> Result<Weights, Fault> {
    weights::parse(value).map_err(|reason| Fault::Bad(format!("bad weights: {reason}")))
}

fn weights_reply(weights: &Weights) -> Reply {
    let mut body = Vec::with_capacity(64);
    json::weights(&mut body, weights);
    json_reply(body)
}

/// Returns the node that a percent-encoded path means.
fn node(encoded: &str) -> Result<String, Fault> {
    Ok(under_config(&request::decode(encoded)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_nodes_below_config() {
        for (encoded, expected) in [
            ("recommendation/weights", Some(WEIGHTS)),
            ("%2Fconfig%2Frecommendation%2Fweights", Some(WEIGHTS)),
            ("config/recommendation/weights", Some(WEIGHTS)),
            ("recommendation%2Fweights", Some(WEIGHTS)),
            ("/recommendation/weights", Some(WEIGHTS)),
            ("config/config/x", Some("/config/config/x")),
            ("%C3%BC", Some("/config/ü")),
            ("", None),
            ("a//b", None),
            ("a/", None),
            ("../services", None),
            ("a/%2E%2E/b", None),
            ("a%00", None),
            ("%FF", None),
            ("%EE%80%80", None),
            (&"x".repeat(201), None),
        ] {
            assert_eq!(node(encoded).ok().as_deref(), expected, "{encoded}");
        }
    }
}
