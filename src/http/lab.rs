//! Handlers of the lab: rankings and profiles as they would be by another model, which the question brings.

use crate::engine::question::Answer;
use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::fields::{Fields, raw_field};
use crate::http::given;
use crate::http::rankings::{self, BASES, RULES};
use crate::http::reads;
use crate::http::reply::Reply;
use crate::settings::Setting;
use dataflows::questions::ask::{Ask, Profiles, Rank};
use dataflows::score::model::{Blend, OwnModel};
use dataflows::score::weights::Weights;
use hyper::body::Incoming;
use tokio::time::timeout_at;

/// The parts of the model that a question may bring.
const MODEL: [&str; 2] = [Weights::NAME, Blend::NAME];

/// `POST /api/lab/recommendations`: the body has what the ranking starts from, the rules, and a model.
pub(super) async fn recommendations(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let body = call.read(body).await?;
    let fields = Fields::parse(&body, &[&BASES[..], &MODEL, RULES].concat())?;
    let (basis, rules) = (rankings::basis(&fields)?, rankings::rules(&fields)?);
    let own = Some(Box::new(OwnModel { weights: setting(&body)?, blend: setting(&body)? }));
    // What rules hit here is not counted: nobody is shown it.
    let answer = ask(call, Rank { basis, rules, own }).await?;
    Ok(rankings::ranking_reply(&answer))
}

/// `POST /api/lab/profile?format=object|list`: the body has the user, and weights.
pub(super) async fn profile(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let format = reads::format(&call.query)?;
    let body = call.read(body).await?;
    let fields = Fields::parse(&body, &["user", Weights::NAME])?;
    let user = given::text(&fields, "user")?;
    let users = vec![user.ok_or_else(|| Fault::Bad("user is missing".into()))?];
    let answer = ask(call, Profiles { users, weights: setting(&body)? }).await?;
    Ok(reads::profile_reply(format, &answer))
}

/// Reads a part of the model by the rules of its setting.
fn setting<S: Setting>(body: &[u8]) -> Result<Option<S>, Fault> {
    let Some(text) = raw_field(body, S::NAME)? else { return Ok(None) };
    let read = S::parse(text.as_bytes()).map(Some);
    read.map_err(|error| Fault::Bad(format!("bad {}: {error}", S::NAME)))
}

/// Asks when it is the question's turn.
async fn ask<A: Ask>(call: &Call<'_>, ask: A) -> Result<Answer<A::Answer>, Fault> {
    match timeout_at(call.deadline, call.lab.turn(ask)).await {
        Ok(ask) => call.ask(ask).await,
        Err(_) => Err(Fault::Unavailable("other questions of the lab are not answered yet".into())),
    }
}
