//! Lists the settings: what is in force, what may be set, and how their nodes stand.

use crate::http::call::Call;
use crate::http::config::stands;
use crate::http::description::{DESCRIPTION, put_in};
use crate::http::fault::Fault;
use crate::http::json::{self, Object};
use crate::http::reply::{Reply, json_reply};
use crate::settings::registry::{SETTINGS, SettingSpec};
use std::sync::LazyLock;

/// The JSON Schemas of the settings, in their order, as the description has them.
static SCHEMAS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let schema = |setting: &SettingSpec| {
        let written = &DESCRIPTION["paths"][format!("/api{}", setting.path)]["put"]["requestBody"];
        put_in(&written["content"]["application/json"]["schema"], &|_| true).to_string()
    };
    SETTINGS.iter().map(schema).collect()
});

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
