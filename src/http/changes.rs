//! `GET /api/changes`: who has changed the settings.

use crate::http::call::Call;
use crate::http::config::STORE;
use crate::http::fault::Fault;
use crate::http::json::{self, Object};
use crate::http::reply::{Reply, json_reply};
use crate::settings::changes;

/// `GET /api/changes`
pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let changes = call.wait(STORE, changes::list(&*call.front.settings)).await?;
    let mut body = Vec::with_capacity(1024);
    Object::new(&mut body)
        .with("changes", |out| {
            json::list(out, &changes, |out, change| {
                Object::new(out)
                    .with("time", |out| json::time(out, change.time))
                    .text("who", &change.who)
                    .text("path", &change.path)
                    .plain("before", &change.before)
                    .plain("after", &change.after)
                    .end();
            });
        })
        .end();
    Ok(json_reply(body))
}
