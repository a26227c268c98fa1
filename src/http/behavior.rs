//! New events: all of a request are good and stored, or none is.

use crate::engine::question::{Body, Question};
use crate::event::log::{NewEvent, Position};
use crate::event::parse::{self, Scratch};
use crate::http::fault::Fault;
use crate::http::json;
use crate::http::reply::{Reply, json_as_of, json_reply};
use crate::http::service::{Call, unexpected};
use hyper::StatusCode;
use hyper::body::Incoming;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout_at};

/// How long the front leaves the workers alone between two looks at how far they are.
const PACE: Duration = Duration::from_millis(2);

/// `POST /api/user-behavior?wait=visible`
pub(super) async fn record(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = match call.query.get("wait")?.as_deref() {
        None => false,
        Some("visible") => true,
        Some(other) => return Err(Fault::Bad(format!("wait is `visible`, not {other:?}"))),
    };
    let body = call.read(body).await?;
    let events = parsed(&body)?;
    let positions = call.wait("the event log", call.front.log.append(events)).await?;
    let mut body = Vec::with_capacity(64 * (1 + positions.len()));
    json::stored(&mut body, &positions);
    let mut reply = if visible {
        json_as_of(until_visible(call, &positions).await?, body)
    } else {
        json_reply(body)
    };
    *reply.status_mut() = StatusCode::CREATED;
    Ok(reply)
}

/// The events of a body that is one event or an array of them. What is stored is what was sent.
fn parsed(body: &[u8]) -> Result<Vec<NewEvent>, Fault> {
    let is_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let items: Vec<&RawValue> = if is_array {
        serde_json::from_slice(body)
    } else {
        serde_json::from_slice(body).map(|event| vec![event])
    }
    .map_err(|error| Fault::Bad(format!("the body is not JSON: {error}")))?;
    if items.is_empty() {
        return Err(Fault::Bad("the array holds no event".into()));
    }
    let (now, mut scratch) = (jiff::Timestamp::now().as_millisecond(), Scratch::default());
    let events = items.iter().enumerate().map(|(index, item)| {
        let json = item.get().as_bytes();
        // There is no topic yet, so the event has to say what kind it is.
        let event = parse::parse(json, None, None, now, &mut scratch)
            .map_err(|reason| Fault::Bad(format!("event {index}: {reason}")))?;
        Ok(NewEvent { kind: event.kind, user: event.user.into(), json: json.into() })
    });
    events.collect()
}

/// Waits until the closed frontier has passed all positions: then every later read shows the
/// events, whichever process it asks. Returns the logical time from which on that is so.
async fn until_visible(call: &Call<'_>, positions: &[Position]) -> Result<u64, Fault> {
    let mut last = BTreeMap::new();
    for Position { partition, offset } in positions {
        let last = last.entry(partition).or_insert(*offset);
        *last = (*offset).max(*last);
    }
    let partitions: Vec<_> = last.keys().copied().cloned().collect();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if timeout_at(call.deadline, pace.tick()).await.is_err() {
            return Err(not_visible());
        }
        let answer = match call.ask(Question::Positions(partitions.clone())).await {
            Ok(answer) => answer,
            // Nobody should send stored events again because the workers were too busy to look.
            Err(Fault::Unavailable(_)) => continue,
            Err(Fault::Late(_)) => return Err(not_visible()),
            Err(fault) => return Err(fault),
        };
        let Body::Positions(next) = &answer.body else { return Err(unexpected(&answer.body)) };
        if last.values().zip(next).all(|(last, next)| last < next) {
            return Ok(answer.as_of);
        }
    }
}

fn not_visible() -> Fault {
    Fault::Late("the events are stored, and will be visible later; do not send them again".into())
}
