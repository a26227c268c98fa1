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
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::{HeaderMap, StatusCode};
use parser::{RecordKind, Scratch, Written, parse_forget, parse_merge, without_byte_order_mark};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout_at};

/// The pause between two questions to the workers about how far they are.
const PACE: Duration = Duration::from_millis(2);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key: with an event's index it is an `eventId`.
const LONGEST_KEY: usize = 255;

/// `POST /api/user-behavior?wait=visible`
pub(super) async fn record(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = waits(&call.query)?;
    let key = idempotency_key(call.headers)?;
    let body = call.read(body).await?;
    store(call, batch::events(&body, key)?, visible).await
}

/// Returns the key that a client sends again with what it sends again, if it has one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let is_plain =
        |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && !key.contains(['"', '\\']);
    let key = key.to_str().ok().filter(is_plain);
    let rule = || Fault::Bad(format!("Idempotency-Key is 1 to {LONGEST_KEY} plain letters"));
    key.ok_or_else(rule).map(Some)
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
        return Err(Fault::circle(&path));
    }
    let mut json = Vec::with_capacity(128);
    json::merge(&mut json, &merge);
    store(call, vec![NewRecord { subject: Subject::Merge, key: account, json }], visible).await
}

/// `POST /api/users/{userId}/forget?wait=visible`, and `DELETE /api/users/{userId}`
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
    store(call, vec![NewRecord { subject: Subject::Forget, key: user, json }], visible).await
}

/// Reads whether the answer waits until what was stored is visible.
pub(super) fn waits(query: &Query<'_>) -> Result<bool, Fault> {
    Ok(given::word(query, "wait", &[("visible", true)])?.unwrap_or(false))
}

async fn store(call: &Call<'_>, records: Vec<NewRecord>, visible: bool) -> Result<Reply, Fault> {
    let indices: Vec<usize> = (0..records.len()).collect();
    let (stored, as_of) = append(call, &indices, records, visible).await?;
    Ok(stored_reply(stored.to_json(), as_of, stored.is_whole()))
}

/// The answer to what was stored, all of it or not.
pub(super) fn stored_reply(body: Vec<u8>, as_of: Option<u64>, is_whole: bool) -> Reply {
    let mut reply = match as_of {
        Some(as_of) => json_as_of(as_of, body),
        None => json_reply(body),
    };
    *reply.status_mut() = if is_whole { StatusCode::CREATED } else { StatusCode::MULTI_STATUS };
    reply
}

/// Stores records, each made of the event of the same place in `events`, which are indices in what was sent.
/// Returns what became of them and, where it is waited for and came in time, the logical time from which on
/// every read shows them.
///
/// # Errors
/// When all failed alike, or all are stored but not visible in time.
pub(super) async fn append(
    call: &Call<'_>,
    events: &[usize],
    records: Vec<NewRecord>,
    visible: bool,
) -> Result<(Stored, Option<u64>), Fault> {
    let moves = |record: &NewRecord| matches!(record.subject, Subject::Merge | Subject::Forget);
    let visible = visible.then_some(Visible { moves: records.iter().any(moves) });
    let outcomes = call.front.log.append(records).until(call.deadline).await;
    let stored = Stored::sum(events.iter().copied().zip(outcomes))?;
    let positions = stored.positions();
    let as_of = visible_from(call, (&positions, stored.is_whole()), visible).await?;
    Ok((stored, as_of))
}

/// What is to be visible before the answer.
#[derive(Clone, Copy)]
pub(super) struct Visible {
    /// Whether rows are moved by it.
    pub(super) moves: bool,
}

/// Waits until what was stored up to these positions is as visible as it is to be, and returns the logical time from which
/// on it is. Where not all is stored, it is told in any case what became of each record.
pub(super) async fn visible_from(
    call: &Call<'_>,
    (positions, is_whole): (&[Position], bool),
    visible: Option<Visible>,
) -> Result<Option<u64>, Fault> {
    let Some(Visible { moves }) = visible else { return Ok(None) };
    match until_visible(call, positions, moves).await {
        Ok(as_of) => Ok(Some(as_of)),
        Err(fault) if is_whole => Err(fault),
        // What became of each record is told in any case.
        Err(_) => Ok(None),
    }
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
