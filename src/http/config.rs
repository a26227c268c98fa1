//! Handlers of settings: nodes of the store below `/config`, and the weights among them.

use crate::http::call::Call;
use crate::http::change::Change;
use crate::http::etag::etag;
use crate::http::fault::Fault;
use crate::http::json::Object;
use crate::http::reply::{JSON, Reply, json_reply, typed_reply};
use crate::http::request;
use crate::settings::changes::{self, SettingChange};
use crate::settings::registry::{SettingSpec, setting_at};
use crate::settings::status::{Stored, shortened};
use crate::settings::write::{self, LARGEST_VALUE};
use crate::settings::{WEIGHTS, under_config};
use crate::wall_clock::now_ms;
use hyper::body::Incoming;
use hyper::header::{ETAG, HeaderName, HeaderValue, IF_MATCH};
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
    let value = value.ok_or_else(|| Fault::NoNode(path.clone()))?;
    let content_type = if serde_json::from_slice::<IgnoredAny>(&value).is_ok() {
        JSON
    } else if std::str::from_utf8(&value).is_ok() {
        HeaderValue::from_static("text/plain; charset=utf-8")
    } else {
        HeaderValue::from_static("application/octet-stream")
    };
    let tag = tag(&path, &value);
    let mut reply = typed_reply(content_type, value);
    mark(&mut reply, &tag);
    Ok(reply)
}

/// `PUT`, `POST /api/config/{path}`: the body is the value.
pub(super) async fn write(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let path = node(call.parameter)?;
    write::check_node(&path)?;
    let value = call.read_at_most(LARGEST_VALUE, body).await?;
    store(call, &path, value.to_vec()).await
}

/// `DELETE /api/config/{path}`: a setting has its default again, any other node is gone.
pub(super) async fn restore(call: &Call<'_>) -> Result<Reply, Fault> {
    let path = node(call.parameter)?;
    let before = call.wait(STORE, call.front.settings.get(&path)).await?;
    check_seen(call, &path, before.as_deref())?;
    if !call.wait(STORE, write::restore(&*call.front.settings, &path)).await? {
        return Err(Fault::NoNode(path));
    }
    let after = setting_at(&path).map(SettingSpec::default);
    if let Some(after) = &after {
        note(call, &path, before.as_deref(), after.as_bytes()).await;
    }
    let mut reply = path_reply(&path);
    Change { before: before.as_deref().map(shown), after }.mark(&mut reply);
    Ok(reply)
}

fn path_reply(path: &str) -> Reply {
    let mut body = Vec::with_capacity(64);
    Object::new(&mut body).text("path", path).end();
    json_reply(body)
}

/// Writes a node, and tells its path.
pub(super) async fn store(call: &Call<'_>, path: &str, value: Vec<u8>) -> Result<Reply, Fault> {
    let change = change(call, path, value).await?;
    let mut reply = path_reply(path);
    change.mark(&mut reply);
    Ok(reply)
}

/// The tag of what a node holds: of a setting's value, however it is written there.
fn tag(path: &str, stored: &[u8]) -> String {
    let value = setting_at(path).and_then(|setting| setting.complete(stored).ok());
    let value = value.as_ref().map_or(stored, String::as_bytes);
    etag(value)
}

/// Tells a client the tag of what is stored, by which it can see that nobody has changed it since.
fn mark(reply: &mut Reply, tag: &str) {
    let tag = HeaderValue::from_str(tag).expect("it is hexadecimal");
    reply.headers_mut().insert(ETAG, tag);
}

/// Refuses to change what is another thing than the client has seen. Returns whether it has said what it has seen.
fn check_seen(call: &Call<'_>, path: &str, stored: Option<&[u8]>) -> Result<bool, Fault> {
    let Some(seen) = call.headers.get(IF_MATCH) else { return Ok(false) };
    let seen: Vec<&str> = seen.to_str().unwrap_or_default().split(',').map(str::trim).collect();
    let is_tag = |text: &str| text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    if !seen.iter().all(|seen| *seen == "*" || is_tag(seen.trim_start_matches("W/"))) {
        return Err(Fault::Bad("If-Match is *, or the ETag of an answer, with its quotes".into()));
    }
    let now = stored.map(|stored| tag(path, stored));
    let is_seen = seen.iter().any(|seen| *seen == "*" || Some(*seen) == now.as_deref());
    match now {
        Some(_) if is_seen => Ok(true),
        Some(now) => Err(Fault::Changed(format!("it is {now} now: read it again"))),
        None => Err(Fault::Changed("there is no such node now".into())),
    }
}

/// A node's value as the audit log has it.
fn shown(value: &[u8]) -> String {
    shortened(&String::from_utf8_lossy(value)).into_owned()
}

/// Writes a node, and returns what it held before and holds now.
async fn change(call: &Call<'_>, path: &str, value: Vec<u8>) -> Result<Change, Fault> {
    // What is bad is told first: nobody needs to have seen anything for that.
    write::check(path, &value)?;
    let store = &*call.front.settings;
    let before = call.wait(STORE, store.get(path)).await?;
    let is_seen = check_seen(call, path, before.as_deref())?;
    match &before {
        Some(held) if is_seen => {
            let replaced = write::replace(store, path, held.clone(), value.clone());
            if !call.wait(STORE, replaced).await? {
                return Err(Fault::Changed("it was changed meanwhile: read it again".into()));
            }
        }
        _ => call.wait(STORE, write::write(store, path, value.clone())).await?,
    }
    note(call, path, before.as_deref(), &value).await;
    Ok(Change { before: before.as_deref().map(shown), after: Some(shown(&value)) })
}

/// Adds a change of a setting to their history.
async fn note(call: &Call<'_>, path: &str, before: Option<&[u8]>, after: &[u8]) {
    let change = SettingChange::new(now_ms(), call.caller.to_string(), path, before, after);
    changes::note(&*call.front.settings, change).await;
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
    let change = change(call, WEIGHTS, value.clone()).await?;
    let mut reply = json_reply(value);
    change.mark(&mut reply);
    Ok(reply)
}

/// The value of a setting that is in force, and in a header how its node stands.
fn in_force(call: &Call<'_>, setting: &SettingSpec) -> Result<Reply, Fault> {
    let value = setting.of_model(&call.in_force()?.model);
    let stored = call.front.nodes.of(setting.name).stored;
    // Of what is shown, which may be a moment behind what is stored: who changes that by this tag is told so.
    let is_good = matches!(stored, Stored::Good(_));
    let tag = is_good.then(|| tag(setting.path, value.as_bytes()));
    let stands = header(&stands(stored, Some(&value)));
    let mut reply = json_reply(value.into_bytes());
    if let Some(tag) = tag {
        mark(&mut reply, &tag);
    }
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
