//! Handlers of reads: each asks the dataflow one question and writes the answer as JSON.

use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::json;
use crate::http::reply::{Reply, json_as_of};
use crate::http::request::{self, Id, MOST_ITEMS};
use dataflows::questions::ask::Activity;
use dataflows::questions::ask::Latest;
use dataflows::questions::ask::Profiles;
use hyper::body::Incoming;
use serde::Deserialize;

/// `GET /api/user-profile/{userId}`
pub(super) async fn profile(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = request::user(call.parameter)?;
    let answer = call.ask(Profiles(vec![user])).await?;
    let mut body = Vec::with_capacity(256);
    json::profile(&mut body, answer.body.first().map_or(&[], Vec::as_slice));
    Ok(json_as_of(answer.as_of, body))
}

/// The body of `POST /api/user-profiles`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Users {
    user_ids: Vec<Id>,
}

/// `POST /api/user-profiles`
pub(super) async fn profiles(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let body = call.read(body).await?;
    let users: Users = serde_json::from_slice(&body)
        .map_err(|error| Fault::Bad(format!("the body is {{\"userIds\": [id, …]}}: {error}")))?;
    if users.user_ids.len() > MOST_ITEMS {
        return Err(Fault::Bad(format!("at most {MOST_ITEMS} users at once")));
    }
    let users = users.user_ids.into_iter().map(|id| request::checked_user(id.into()));
    let users = users.collect::<Result<Vec<_>, _>>()?;
    let answer = call.ask(Profiles(users.clone())).await?;
    let mut body = Vec::with_capacity(256 * users.len());
    json::profiles(&mut body, &users, &answer.body);
    Ok(json_as_of(answer.as_of, body))
}

/// `GET /api/user-activity/{userId}`
pub(super) async fn activity(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = request::user(call.parameter)?;
    let answer = call.ask(Activity(user)).await?;
    let mut body = Vec::with_capacity(128);
    json::activity(&mut body, answer.body.as_ref());
    Ok(json_as_of(answer.as_of, body))
}

/// `GET /api/user-behavior?limit=100`
pub(super) async fn recent(call: &Call<'_>) -> Result<Reply, Fault> {
    let limit = call.query.count("limit", 100)?;
    let answer = call.ask(Latest { limit }).await?;
    let mut body = Vec::with_capacity(256 * answer.body.len());
    json::events(&mut body, &answer.body);
    Ok(json_as_of(answer.as_of, body))
}
