//! Readiness: what of the process works now, for supervisors and load balancers.

use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::given;
use crate::http::json::{self, Object};
use crate::http::reply::{Reply, json_reply};
use crate::readiness::Wait;
use crate::service_health::REDIS;
use dataflows::questions::ask::Profiles;
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The parts of the process that work or not, each with its place in [`Works`].
const PARTS: [(&str, usize); 3] = [("reads", 0), ("writes", 1), ("sink", 2)];

/// The longest time that the workers may take to answer, if they are to count as answering.
const PATIENCE: Duration = Duration::from_secs(1);

struct Works {
    /// What the process still waits for since its start.
    waits: Vec<Wait>,
    /// Whether each of [`PARTS`] works; what does not has a reason, for a person.
    parts: [Result<(), String>; 3],
}

/// `GET /readyz?for=reads|writes|sink`: 200 if what is named works, else 503. Without `for`, 503
/// until the process has caught up.
pub(super) async fn ready(call: &Call<'_>) -> Result<Reply, Fault> {
    let named = given::word(&call.query, "for", &PARTS)?;
    let works = works(call).await;
    let is_ready = named.map_or(works.waits.is_empty(), |part| works.parts[part].is_ok());
    let mut reply = json_reply(works.json());
    if !is_ready {
        *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(reply)
}

async fn works(call: &Call<'_>) -> Works {
    let waits = call.front.status.readiness.waits();
    let model = call.in_force().map(drop).map_err(|fault| fault.details());
    let reads = if model.is_err() || waits.is_empty() {
        answers(call).await
    } else {
        let waits: Vec<_> = waits.iter().map(told).collect();
        Err(format!("the process waits for {}", waits.join(", ")))
    };
    let sink = if call.front.metrics.sink.is_connected() {
        model
    } else {
        let reason = call.front.source_health.services().reason(REDIS);
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        Err(format!("Redis does not take profiles; they wait{reason}"))
    };
    Works { waits, parts: [reads, call.front.log.writable(), sink] }
}

/// What is waited for, and what there is to say about it.
fn told(wait: &Wait) -> String {
    match &*wait.details {
        "" => wait.name.to_string(),
        details => format!("{} ({details})", wait.name),
    }
}

/// Asks the workers for nothing but an answer.
async fn answers(call: &Call<'_>) -> Result<(), String> {
    let patience = call.deadline.min(Instant::now() + PATIENCE);
    match timeout_at(patience, call.ask(Profiles::of(Vec::new()))).await {
        Ok(answer) => answer.map(drop).map_err(|fault| fault.details()),
        Err(_) => Err("the workers have not answered yet".into()),
    }
}

impl Works {
    /// `{"ready", "reads", "writes", "sink", "awaited", "waits", "reasons"}`
    fn json(&self) -> Vec<u8> {
        let parts = || PARTS.iter().map(|&(name, part)| (name, &self.parts[part]));
        let mut body = Vec::with_capacity(128);
        let mut object = Object::new(&mut body).plain("ready", self.waits.is_empty());
        for (name, works) in parts() {
            object = object.plain(name, works.is_ok());
        }
        let reasons = |out: &mut Vec<u8>| {
            let mut reasons = Object::new(out);
            for (name, works) in parts() {
                if let Err(reason) = works {
                    reasons = reasons.text(name, reason);
                }
            }
            reasons.end();
        };
        let names: Vec<_> = self.waits.iter().map(|wait| wait.name.clone()).collect();
        object
            .with("awaited", |out| json::texts(out, &names))
            .with("waits", |out| json::list(out, &self.waits, json::wait))
            .with("reasons", reasons)
            .end();
        body
    }
}
