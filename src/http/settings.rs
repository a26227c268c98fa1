//! Lists the settings: what is in force, what may be set, and how their nodes stand.

use crate::http::call::Call;
use crate::http::config::stands;
use crate::http::fault::Fault;
use crate::http::json::{self, Object};
use crate::http::operations::OPENAPI;
use crate::http::reply::{Reply, json_reply};
use crate::settings::registry::{SETTINGS, SettingSpec};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The JSON Schemas of the settings, in their order, as the description has them.
static SCHEMAS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let description: Value = serde_json::from_str(OPENAPI).expect("a test reads it");
    let schema = |setting: &SettingSpec| {
        let written = &description["paths"][format!("/api{}", setting.path)]["put"]["requestBody"];
        let schema = &written["content"]["application/json"]["schema"];
        whole(schema, &description).to_string()
    };
    SETTINGS.iter().map(schema).collect()
});

/// A part of the description with all that it refers to.
fn whole(part: &Value, description: &Value) -> Value {
    match part {
        Value::Object(fields) => match fields.get("$ref").and_then(Value::as_str) {
            Some(path) => {
                let named = description.pointer(path.trim_start_matches('#'));
                whole(named.expect("a test follows them"), description)
            }
            None => {
                let fields = fields.iter();
                let fields = fields.map(|(name, part)| (name.clone(), whole(part, description)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        },
        Value::Array(items) => items.iter().map(|item| whole(item, description)).collect(),
        other => other.clone(),
    }
}

/// `GET /api/config`
pub(super) fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let model = call.front.in_force.get().map(|in_force| in_force.model);
    let mut body = Vec::with_capacity(16 << 10);
    Object::new(&mut body)
        .with("settings", |out| {
            json::list(out, SETTINGS.iter().zip(&*SCHEMAS), |out, (setting, schema)| {
                let value = model.as_ref().map(|model| setting.of_model(model));
                let stored = stands(call.front.nodes.of(setting.name).stored, value.as_deref());
                Object::new(out)
                    .text("path", setting.path)
                    .text("name", setting.name)
                    .plain("value", value.as_deref().unwrap_or("null"))
                    .plain("default", setting.default())
                    .plain("schema", schema)
                    .text("stored", &stored)
                    .end();
            });
        })
        .end();
    Ok(json_reply(body))
}
