//! Handlers of new events, merges and forgets. Those of one request are all good, or none is sent to the log;
//! there each has an outcome of its own.

use crate::event_log::{NewRecord, Position, Subject};
use crate::http::batch;
use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::given;
use crate::http::json;
use crate::http::query::Query;
use crate::http::reply::{Reply, json_as_of, json_reply};
use crate::http::request;
use crate::http::stored::Stored;
use dataflows::questions::ask::{Path, Positions};
use hyper::StatusCode;
use hyper::body::Incoming;
use parser::{RecordKind, Scratch, Written, parse_forget, parse_merge, without_byte_order_mark};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout_at};

/// The pause between two questions to the workers about how far they are.
const PACE: Duration = Duration::from_millis(2);

/// `POST /api/user-behavior?wait=visible`
pub(super) async fn record(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = waits(&call.query)?;
    let body = call.read(body).await?;
    store(call, batch::events(&body)?, visible).await
}

/// `POST /api/users/{userId}/merge?wait=visible`
pub(super) async fn merge(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = waits(&call.query)?;
    let account = request::user(call.parameter)?;
    let body = call.read(body).await?;
    let now = jiff::Timestamp::now().as_millisecond();
    let (written, hours) = (Written::At(now), call.front.horizon_hours);
    let merge = parse_merge(&body, Some(&account), written, hours, &mut Scratch::default())
        .map_err(|reason| batch::refusal(&body, None, RecordKind::Merge, &body, reason))?;
    let path = Path { from: account.clone(), to: merge.user.clone(), until: merge.time };
    if let Some(path) = call.ask_of_input(path).await?.body {
        let path = path.iter().map(|user| format!("{user:?}")).collect::<Vec<_>>().join(" to ");
        return Err(Fault::Circle(format!("merges lead from {path} already")));
    }
    let mut json = Vec::with_capacity(128);
    json::merge(&mut json, &merge);
    store(call, vec![NewRecord { subject: Subject::Merge, user: account, json }], visible).await
}

/// `POST /api/users/{userId}/forget?wait=visible`
pub(super) async fn forget(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = waits(&call.query)?;
    let user = request::user(call.parameter)?;
    let body = call.read(body).await?;
    // Nothing has to be said: then it is of now.
    let is_empty = without_byte_order_mark(&body).trim_ascii().is_empty();
    let record = if is_empty { &b"{}"[..] } else { &body };
    let now = jiff::Timestamp::now().as_millisecond();
    let (written, hours) = (Written::At(now), call.front.horizon_hours);
    let forget = parse_forget(record, Some(&user), written, hours, &mut Scratch::default())
        .map_err(|reason| batch::refusal(record, None, RecordKind::Forget, record, reason))?;
    let mut json = Vec::with_capacity(128);
    json::forget(&mut json, &forget);
    store(call, vec![NewRecord { subject: Subject::Forget, user, json }], visible).await
}

/// Reads whether the answer waits until what was stored is visible.
pub(super) fn waits(query: &Query<'_>) -> Result<bool, Fault> {
    Ok(given::word(query, "wait", &[("visible", true)])?.unwrap_or(false))
}

async fn store(call: &Call<'_>, records: Vec<NewRecord>, visible: bool) -> Result<Reply, Fault> {
    let moves = records.iter().any(|record| !matches!(record.subject, Subject::Event(_)));
    let stored = Stored::sum(call.front.log.append(records).until(call.deadline).await)?;
    let body = stored.to_json();
    let visible_from = match visible {
        true => Some(until_visible(call, &stored.positions(), moves).await),
        false => None,
    };
    let mut reply = match visible_from {
        Some(Ok(as_of)) => json_as_of(as_of, body),
        Some(Err(fault)) if stored.is_whole() => return Err(fault),
        // What became of each record is told in any case.
        Some(Err(_)) | None => json_reply(body),
    };
    *reply.status_mut() =
        if stored.is_whole() { StatusCode::CREATED } else { StatusCode::MULTI_STATUS };
    Ok(reply)
}

/// Waits until every read, of any process, shows what was stored up to these positions. Returns the
/// logical time from which on they do. What `moves` rows does so at the time after that of its record.
async fn until_visible(call: &Call<'_>, last: &[Position], moves: bool) -> Result<u64, Fault> {
    let partitions: Vec<_> = last.iter().map(|last| last.partition.name()).collect();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut after, mut is_read) = (0, !moves);
    loop {
        if timeout_at(call.deadline, pace.tick()).await.is_err() {
            return Err(not_visible());
        }
        let question = Positions { partitions: partitions.clone(), after };
        let answer = match call.ask_of_input(question).await {
            Ok(answer) => answer,
            // The events are stored: an error would make the client send them again.
            Err(Fault::Unavailable(_)) => continue,
            Err(Fault::Late(_)) => return Err(not_visible()),
            Err(fault) => return Err(fault),
        };
        if last.iter().zip(&answer.body).all(|(last, next)| last.offset < *next)
            && std::mem::replace(&mut is_read, true)
        {
            return Ok(answer.as_of);
        }
        // An answer as of the same time would be the same.
        after = answer.as_of;
    }
}

fn not_visible() -> Fault {
    Fault::Late("it is stored, and will be visible later; do not send it again".into())
}
