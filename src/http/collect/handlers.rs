//! Handlers of what others send: each has its body translated, and stores what it became.

use super::collected::Collected;
use super::{ga4, segment};
use crate::http::behavior;
use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::reply::{PROBLEM, Reply, json_reply, typed_reply};
use crate::http::stored::Stored;
use crate::wall_clock::now_ms;
use dataflows::questions::ask::Paths;
use hyper::StatusCode;
use hyper::body::Incoming;

/// `POST /api/collect/segment?wait=visible`
pub(in crate::http) async fn take_segment(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = behavior::waits(&call.query)?;
    let body = call.read(body).await?;
    store(call, segment::collect(&body, nothing(call))?, visible).await
}

/// `POST /api/collect/ga4?wait=visible`: of the parameters that Google's server wants, the secret alone means something here.
pub(in crate::http) async fn take_ga4(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = behavior::waits(&call.query)?;
    let body = call.read(body).await?;
    store(call, ga4::collect(&body, nothing(call))?, visible).await
}

fn nothing(call: &Call<'_>) -> Collected {
    Collected::new(now_ms(), call.front.horizon_hours)
}

async fn store(call: &Call<'_>, mut all: Collected, visible: bool) -> Result<Reply, Fault> {
    let paths = all.paths();
    if !paths.is_empty() {
        all.refuse_circles(&call.ask_of_input(Paths(paths)).await?.body);
    }
    if all.is_all_refused() {
        // There is nothing that a client would have to send again.
        let mut reply = typed_reply(PROBLEM, all.to_problem());
        *reply.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(reply);
    }
    let (messages, records) = all.take_records();
    if records.is_empty() {
        let mut reply = json_reply(all.to_json(&Stored::default()));
        if all.has_refused() {
            *reply.status_mut() = StatusCode::MULTI_STATUS;
        }
        return Ok(reply);
    }
    let (stored, as_of) = behavior::append(call, &messages, records, visible).await?;
    let is_whole = stored.is_whole() && !all.has_refused();
    Ok(behavior::stored_reply(all.to_json(&stored), as_of, is_whole))
}
