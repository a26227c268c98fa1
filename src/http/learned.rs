//! Handlers of what is learned: how good rankings are, and the weights that they are mixed by.

use crate::http::call::Call;
use crate::http::config;
use crate::http::fault::Fault;
use crate::http::given;
use crate::http::json;
use crate::http::reply::{Reply, json_as_of};
use crate::settings::write::LARGEST_VALUE;
use crate::settings::{RANKING, Setting};
use dataflows::questions::ask::LearnedWeights;
use dataflows::score::grade::{Estimate, Graded, Hits, KEPT_DAYS, WAYS};
use dataflows::score::mixture::{GATE_NAMES, SourceWeights, source_names};
use dataflows::score::model::RankingWeights;
use dataflows::score::model_history::{ENOUGH, LearnedState, Learning};
use dataflows::score::start::START;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

/// `GET /api/quality?days=30`: the grades of the newest days that have any, and of all of them.
pub(super) async fn quality(call: &Call<'_>) -> Result<Reply, Fault> {
    let days = given::number(&call.query, "days", 1..=usize::from(KEPT_DAYS))?;
    let days = days.unwrap_or(usize::from(KEPT_DAYS));
    let answer = call.ask(LearnedWeights).await?;
    let grades = answer.body.learner.grades();
    let mut total = [[Hits::default(); 3]; 4];
    let mut by_day = Vec::new();
    for (day, hits) in grades.days().rev().take(days) {
        let all = total.iter_mut().flatten().zip(hits.iter().flatten());
        all.for_each(|(sum, hits)| sum.merge(hits));
        by_day.push(json!({"day": json::day(day), "rankings": rankings(hits)}));
    }
    by_day.reverse();
    let body = json!({"total": rankings(&total), "days": by_day});
    Ok(json_as_of(answer.as_of, body.to_string().into_bytes()))
}

/// By what was graded and the way, the number of lists and the shares with their errors.
fn rankings(hits: &[[Hits; 3]; 4]) -> Value {
    let of = |hits: &Hits| {
        let [hr10, hr20, mrr20]: [Estimate; 3] = hits.estimates();
        json!({"lists": hits.asked, "hr@10": hr10, "hr@20": hr20, "mrr@20": mrr20})
    };
    let ways = |hits: &[Hits; 3]| -> Map<String, Value> {
        WAYS.into_iter().map(str::to_owned).zip(hits.iter().map(of)).collect()
    };
    let all = Graded::ALL.into_iter().zip(hits);
    Value::Object(all.map(|(it, hits)| (it.name().to_owned(), ways(hits).into())).collect())
}

/// `GET /api/ranking/weights`: by gate and source those of the start, those that were learned, and those in force.
pub(super) async fn weights(call: &Call<'_>) -> Result<Reply, Fault> {
    let answer = call.ask(LearnedWeights).await?;
    let LearnedState { learning, in_force, learner } = &answer.body;
    let wanted = &call.in_force()?.model.ranking;
    let rows = |weights: &SourceWeights| weights.map(Vec::from).to_vec();
    let start = rows(&START);
    let source = match in_force {
        Some(_) if *in_force == wanted.pinned => "pinned",
        Some(_) => "learned",
        None => "start",
    };
    let body = json!({
        "learning": learning,
        "inForce": source,
        "gradedEvents": learner.seen(),
        "enoughEvents": ENOUGH,
        "resets": wanted.resets,
        "gates": GATE_NAMES,
        "gradedByGate": learner.events(),
        "sources": source_names(),
        "start": start,
        "learned": rows(learner.weights()),
        "now": in_force.as_ref().unwrap_or(&start),
    });
    Ok(json_as_of(answer.as_of, body.to_string().into_bytes()))
}

/// `PUT /api/ranking/weights`: pins weights, `{"weights": [[…], …]}`, or with null unpins them.
pub(super) async fn pin(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let body = call.read_at_most(LARGEST_VALUE, body).await?;
    let pinned = to_pin(&body).ok_or_else(|| Fault::Bad(SHAPE.into()))?;
    let resets = wanted(call).await?.resets;
    store(call, RankingWeights { pinned, resets }).await
}

const SHAPE: &str = r#"the body must be {"weights": null} or {"weights": [[…], …]}, a list of numbers for each gate"#;

/// The weights of a body of [`SHAPE`], or those that are none; `None` if it is another.
fn to_pin(body: &[u8]) -> Option<Option<Vec<Vec<f64>>>> {
    let mut given: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let weights = given.remove("weights").filter(|_| given.is_empty())?;
    serde_json::from_value(weights).ok()
}

/// `POST /api/ranking/weights/accept`: pins what was learned.
pub(super) async fn accept(call: &Call<'_>) -> Result<Reply, Fault> {
    let LearnedState { learning, learner, .. } = call.ask(LearnedWeights).await?.body;
    if learning == Learning::Off {
        return Err(Fault::NotLearned("ranking.learning is \"off\"".into()));
    }
    if learner.seen() < ENOUGH {
        let seen = learner.seen();
        return Err(Fault::NotLearned(format!("{seen} events were graded, of {ENOUGH} needed")));
    }
    let pinned = Some(learner.weights().map(Vec::from).to_vec());
    let resets = wanted(call).await?.resets;
    store(call, RankingWeights { pinned, resets }).await
}

/// `POST /api/ranking/weights/reset`: forgets what was learned, and unpins.
pub(super) async fn reset(call: &Call<'_>) -> Result<Reply, Fault> {
    // The node may have been lost, while a checkpoint has what was learned and the resets before it.
    let before = call.ask(LearnedWeights).await?.body.learner.resets();
    let resets = wanted(call).await?.resets.max(before).saturating_add(1);
    store(call, RankingWeights { pinned: None, resets }).await
}

/// What the node holds, which may be newer than what is in force; that, if it holds nothing good.
async fn wanted(call: &Call<'_>) -> Result<RankingWeights, Fault> {
    let stored = call.wait(config::STORE, call.front.settings.get(RANKING)).await?;
    match stored.and_then(|stored| RankingWeights::parse(&stored).ok()) {
        Some(wanted) => Ok(wanted),
        None => Ok(call.in_force()?.model.ranking),
    }
}

/// Stores what is wanted, which is in force once it has been read.
async fn store(call: &Call<'_>, wanted: RankingWeights) -> Result<Reply, Fault> {
    config::store(call, RANKING, wanted.to_json().into_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_weights_or_null_and_nothing_else() {
        for (body, expected) in [
            (r#"{"weights":null}"#, Some(None)),
            (r#"{"weights":[[0.5,1],[]]}"#, Some(Some(vec![vec![0.5, 1.0], vec![]]))),
            (r#"{"weights":[[null]]}"#, None),
            (r#"{"weights":[0.5]}"#, None),
            (r#"{"weights":null,"resets":1}"#, None),
            (r#"{"pinned":null}"#, None),
            ("{}", None),
            ("[null]", None),
            ("", None),
        ] {
            assert_eq!(to_pin(body.as_bytes()), expected, "{body}");
        }
    }
}
