//! Handlers for the operator: metrics, health, status, and the description of the routes.

use crate::http::call::Call;
use crate::http::config::stands;
use crate::http::description::OPENAPI;
use crate::http::fault::Fault;
use crate::http::json::{self, Object};
use crate::http::reply::{JSON, Reply, json_reply, typed_reply};
use crate::service_health::{KAFKA, REDIS, SETTINGS as SETTINGS_STORE};
use crate::settings::registry::{SETTINGS, SettingSpec};
use crate::settings::status::Stored;
use dataflows::questions::ask::{Profiles, ViewDigests};
use dataflows::record::event::Kind;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The time within which all workers, of all processes, must tell their digests, and the list of members be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// `GET /metrics`
pub(super) fn metrics(call: &Call<'_>) -> Result<Reply, Fault> {
    let metrics = &call.front.metrics;
    metrics.process.ready.set(call.front.status.readiness.is_ready().into());
    let in_force = call.front.in_force.get();
    metrics.settings.model_known.set(in_force.is_some().into());
    if let Some(in_force) = in_force {
        for kind in Kind::ALL {
            let weight = in_force.model.weights.of(kind).to_f64();
            metrics.settings.weight.with_label_values(&[kind.name()]).set(weight);
        }
    }
    let text = metrics.render().map_err(|error| Fault::Internal(error.to_string()))?;
    Ok(typed_reply(HeaderValue::from_static("text/plain; version=0.0.4"), text))
}

/// `GET /healthz`: 200 while the process lives, even if it is not ready.
pub(super) fn health() -> Reply {
    json_reply(br#"{"status":"ok"}"#.to_vec())
}

/// `GET /api/status`: a part that does not answer is null, and the rest is shown.
pub(super) async fn status(call: &Call<'_>) -> Result<Reply, Fault> {
    let status = &call.front.status;
    // Only the time of this answer is wanted.
    let answer = call.ask_of_input(Profiles::of(Vec::new())).await;
    let digests = timeout(PATIENCE, call.ask_of_input(ViewDigests));
    let members = timeout(PATIENCE, call.front.settings.members());
    let (digests, members) = tokio::join!(digests, members);
    let members = members.ok().flatten();
    let awaited = status.readiness.awaited();
    let mut body = Vec::with_capacity(1024);
    let object = Object::new(&mut body)
        .text("version", env!("CARGO_PKG_VERSION"))
        .plain("uptimeSeconds", status.started.elapsed().as_secs())
        .plain("process", status.process)
        .plain("processes", status.processes)
        .plain("workers", status.workers)
        .with("members", |out| json::members(out, members.as_deref()))
        .plain("ready", awaited.is_empty())
        .with("awaited", |out| json::texts(out, &awaited));
    let mut object = match answer {
        Ok(answer) => object.plain("asOf", answer.as_of),
        Err(_) => object.plain("asOf", "null"),
    };
    object = match digests {
        Ok(Ok(answer)) => object.with("digests", |out| json::digests(out, &answer)),
        _ => object.plain("digests", "null"),
    };
    let checkpoint = call.front.checkpoint_status.known();
    object = object.with("checkpoint", |out| json::checkpoint(out, &checkpoint));
    let in_force = call.front.in_force.get();
    let mut stored = Vec::new();
    for setting in &SETTINGS {
        let value = in_force.as_ref().map(|in_force| setting.of_model(&in_force.model));
        object = object.plain(setting.name, value.as_deref().unwrap_or("null"));
        let stands = stands(call.front.nodes.of(setting.name).stored, value.as_deref());
        stored.push((setting.name, stands));
    }
    let troubles = call.front.source_health.troubles();
    let (extents, retention) =
        (call.front.source_health.extents(), call.front.source_health.retention());
    let (lost, services) = (call.front.source_health.lost(), troubled_services(call));
    object
        .with("stored", |out| json::by_name(out, &stored))
        .with("troubles", |out| json::troubles(out, &troubles))
        .with("lost", |out| json::lost(out, &lost))
        .with("held", |out| json::held(out, &call.front.metrics.engine.held()))
        .plain("backlog", json::backlog(&extents))
        .with("partitions", |out| json::partitions(out, &extents, &checkpoint.positions))
        .with("retention", |out| json::retention(out, retention.as_ref()))
        .with("services", |out| json::by_name(out, &services))
        .end();
    Ok(json_reply(body))
}

/// `GET /api/dead-letters`: the records that this process has refused, by reason, with the latest of each.
pub(super) fn dead_letters(call: &Call<'_>) -> Reply {
    let refused = call.front.source_health.refused().all();
    let total: u64 = refused.values().map(|of_reason| of_reason.count).sum();
    let mut body = Vec::with_capacity(1024);
    Object::new(&mut body)
        .plain("total", total)
        .with("reasons", |out| json::list(out, &refused, json::refused))
        .end();
    json_reply(body)
}

/// `POST /api/admin/checkpoint`: has one written, and answers its number once it is there.
pub(super) async fn checkpoint(call: &Call<'_>) -> Result<Reply, Fault> {
    let requests = call.front.checkpoints.clone();
    let patience = call.deadline.saturating_duration_since(Instant::now());
    let written = tokio::task::spawn_blocking(move || requests.now(patience)).await;
    let written = written.map_err(|error| Fault::Internal(error.to_string()))?;
    let number = written.map_err(Fault::Unavailable)?;
    let mut body = Vec::new();
    Object::new(&mut body).plain("number", number).end();
    Ok(json_reply(body))
}

/// The services with which something is wrong now, and what.
fn troubled_services(call: &Call<'_>) -> Vec<(&'static str, String)> {
    let health = call.front.source_health.services();
    let of_health = |name| health.reason(name).map(|reason| (name, reason));
    // What holds the settings is asked for each of them.
    let unreachable = |setting: &SettingSpec| match call.front.nodes.of(setting.name).stored {
        Stored::Unreachable(reason) => Some((SETTINGS_STORE, reason)),
        _ => None,
    };
    let unread = || SETTINGS.iter().find_map(unreachable);
    let settings = of_health(SETTINGS_STORE).or_else(unread);
    of_health(KAFKA).into_iter().chain(of_health(REDIS)).chain(settings).collect()
}

/// `GET /openapi.json`
pub(super) fn openapi() -> Reply {
    typed_reply(JSON, OPENAPI)
}

/// `GET /recsys.js`: what a page of a shop asks and tells by.
pub(super) fn script() -> Reply {
    let mut reply = typed_reply(HeaderValue::from_static("text/javascript; charset=utf-8"), SCRIPT);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    reply
}

pub(super) const SCRIPT: &str = include_str!("recsys.js");
