//! Handlers of settings: nodes of the store below `/config`, and the weights among them.

use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::json::Object;
use crate::http::reply::{JSON, Reply, json_reply, typed_reply};
use crate::http::request;
use crate::settings::registry::{SettingSpec, setting_at};
use crate::settings::status::{Stored, shortened};
use crate::settings::write::{self, LARGEST_VALUE};
use crate::settings::{WEIGHTS, under_config};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde::de::IgnoredAny;

pub(super) const STORE: &str = "the settings store";

/// The header that tells how the node of the setting stands that an answer shows.
const STORED: HeaderName = HeaderName::from_static("x-stored");

/// `GET /api/config/{path}`: a setting as it is in force, any other node as it is stored.
pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let path = node(call.parameter)?;
    if let Some(setting) = setting_at(&path) {
        return in_force(call, setting);
    }
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
    write::check_node(&path)?;
    let value = call.read_at_most(LARGEST_VALUE, body).await?;
    store(call, &path, value.to_vec()).await
}

/// Writes a node, and tells its path.
pub(super) async fn store(call: &Call<'_>, path: &str, value: Vec<u8>) -> Result<Reply, Fault> {
    call.wait(STORE, write::write(&*call.front.settings, path, value)).await?;
    let mut body = Vec::with_capacity(64);
    Object::new(&mut body).text("path", path).end();
    Ok(json_reply(body))
}

/// `GET /api/recommendation/weights`: those in force.
pub(super) fn read_weights(call: &Call<'_>) -> Result<Reply, Fault> {
    in_force(call, setting_at(WEIGHTS).expect("the weights are a setting"))
}

/// `POST /api/recommendation/weights`
pub(super) async fn write_weights(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let value = call.read_at_most(LARGEST_VALUE, body).await?;
    let setting = setting_at(WEIGHTS).expect("the weights are a setting");
    let value = write::check_value(setting, &value)?.into_bytes();
    call.wait(STORE, write::write(&*call.front.settings, WEIGHTS, value.clone())).await?;
    Ok(json_reply(value))
}

/// The value of a setting that is in force, and in a header how its node stands.
fn in_force(call: &Call<'_>, setting: &SettingSpec) -> Result<Reply, Fault> {
    let value = setting.of_model(&call.in_force()?.model);
    let stands = header(&stands(call.front.nodes.of(setting.name).stored, Some(&value)));
    let mut reply = json_reply(value.into_bytes());
    reply.headers_mut().insert(STORED, stands);
    Ok(reply)
}

/// Tells how a setting's node stands to the value in force: one word, and after a colon what there
/// is to say of it.
pub(super) fn stands(stored: Stored, in_force: Option<&str>) -> String {
    match stored {
        Stored::Good(stored) if Some(&*stored) == in_force => "in-force".into(),
        Stored::Good(stored) => format!("differs: {}", shortened(&stored)),
        Stored::Refused(reason) => format!("refused: {reason}"),
        Stored::Unreachable(reason) => format!("unreachable: {reason}"),
        Stored::Missing => "missing".into(),
        Stored::Unread => "unread".into(),
    }
}

/// Makes a header's value of any text.
fn header(text: &str) -> HeaderValue {
    let plain = |c| if matches!(c, ' '..='~') { c } else { '?' };
    let text: String = text.chars().map(plain).collect();
    HeaderValue::from_str(&text).expect("it is printable ASCII")
}

/// Returns the node that a percent-encoded path means.
fn node(encoded: &str) -> Result<String, Fault> {
    Ok(under_config(&request::decode("the path", encoded)?)?)
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
