//! Handlers of reads: each asks the dataflow one question and writes the answer as JSON.

use crate::engine::question::Answer;
use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::fields::Fields;
use crate::http::given;
use crate::http::json::{self, Format};
use crate::http::query::Query;
use crate::http::reply::{Reply, json_as_of};
use crate::http::request::{self, MOST_ITEMS};
use dataflows::questions::ask::Activity;
use dataflows::questions::ask::Latest;
use dataflows::questions::ask::{Profile, Profiles, UserState};
use hyper::body::Incoming;
use std::collections::HashSet;

/// `GET /api/user-profile/{userId}?format=object|list`
pub(super) async fn profile(call: &Call<'_>) -> Result<Reply, Fault> {
    let format = format(&call.query)?;
    let user = request::user(call.parameter)?;
    Ok(profile_reply(format, &call.ask(Profiles::of(vec![user])).await?))
}

/// The one profile of an answer.
pub(super) fn profile_reply(format: Format, answer: &Answer<Vec<Profile>>) -> Reply {
    let mut body = Vec::with_capacity(256);
    json::profile(&mut body, format, answer.body.first().map_or(&[], Vec::as_slice));
    json_as_of(answer.as_of, body)
}

/// `POST /api/user-profiles?format=object|list`
pub(super) async fn profiles(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let format = format(&call.query)?;
    let body = call.read(body).await?;
    let fields = Fields::parse(&body, &["userIds"])?;
    let mut users = given::required(&fields, "userIds", given::list)?;
    // Whoever is named twice is answered once: an object has no key twice.
    let mut named = HashSet::new();
    users.retain(|user| named.insert(user.clone()));
    let answer = call.ask(Profiles::of(users.clone())).await?;
    let mut body = Vec::with_capacity(256 * users.len());
    json::profiles(&mut body, format, &users, &answer.body);
    Ok(json_as_of(answer.as_of, body))
}

/// Reads how profiles are to be written.
pub(super) fn format(query: &Query<'_>) -> Result<Format, Fault> {
    let formats = [("object", Format::Object), ("list", Format::List)];
    Ok(given::word(query, "format", &formats)?.unwrap_or(Format::Object))
}

/// `GET /api/user-activity/{userId}`
pub(super) async fn activity(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = request::user(call.parameter)?;
    let answer = call.ask(Activity(user)).await?;
    let mut body = Vec::with_capacity(128);
    json::activity(&mut body, answer.body.as_ref());
    Ok(json_as_of(answer.as_of, body))
}

/// `GET /api/users/{userId}?format=object|list`
pub(super) async fn user(call: &Call<'_>) -> Result<Reply, Fault> {
    let format = format(&call.query)?;
    let user = request::user(call.parameter)?;
    let answer = call.ask(UserState(user.clone())).await?;
    let mut body = Vec::with_capacity(1_024);
    json::user(&mut body, format, &user, &answer.body);
    Ok(json_as_of(answer.as_of, body))
}

/// `GET /api/user-behavior?limit=100`
pub(super) async fn recent(call: &Call<'_>) -> Result<Reply, Fault> {
    let limit = given::number(&call.query, "limit", 1..=MOST_ITEMS)?.unwrap_or(100);
    let answer = call.ask(Latest { limit, after: None }).await?;
    let mut body = Vec::with_capacity(256 * answer.body.len());
    json::events(&mut body, &answer.body);
    Ok(json_as_of(answer.as_of, body))
}
