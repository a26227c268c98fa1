//! The receipt of a forget: what was done about a user so far, with a signature.

use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::reply::{Reply, json_as_of};
use crate::http::request;
use crate::receipt::{NOT_ERASED, Receipt, ReceiptTime, STAYS, sign, user_digest};
use dataflows::digest::hash::Digest;
use dataflows::digest::rows::DigestedView;
use dataflows::questions::ask::{ForgetState, Forgets};
use dataflows::time::{HOUR, Time};
use std::collections::BTreeMap;

/// `GET /api/users/{userId}/forget`
pub(super) async fn receipt(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = request::user(call.parameter)?;
    let answer = call.ask_of_input(Forgets(user.clone())).await?;
    let Some(latest) = answer.body.last() else {
        return Err(Fault::NotForgotten("no forget of this user has been carried out".into()));
    };
    let mut receipt = receipt_of(&user, latest, call.front.has_redis);
    let erased = call.front.checkpoint_status.erased_at(latest.forgotten.since);
    receipt.checkpoints_erased_at = erased.map(ReceiptTime);
    let signed = match &call.front.receipt_key {
        Some(key) => sign(&receipt, key).map(|signed| Some(signed.signature)),
        None => Ok(None),
    };
    let signature = signed.map_err(|error| Fault::Internal(error.to_string()))?;
    let body = serde_json::to_vec(&Answer { receipt, signature });
    Ok(json_as_of(answer.as_of, body.map_err(|error| Fault::Internal(error.to_string()))?))
}

/// A receipt with its signature, if a key is set.
#[derive(serde::Serialize)]
struct Answer {
    receipt: Receipt,
    signature: Option<String>,
}

fn receipt_of(user: &str, state: &ForgetState, has_redis: bool) -> Receipt {
    let ForgetState { forgotten, before, after } = state;
    let at = |time: Time| ReceiptTime(i64::try_from(time / 1000).unwrap_or(i64::MAX));
    let digests = |digests: &[(DigestedView, Digest)]| {
        let names = digests.iter().map(|(view, digest)| (view.name().into(), digest.to_string()));
        names.collect::<BTreeMap<String, String>>()
    };
    let hour = i64::try_from(u64::from(forgotten.recorded) * HOUR).unwrap_or(i64::MAX);
    Receipt {
        user_sha256: user_digest(user),
        until: ReceiptTime(forgotten.time),
        recorded_at: ReceiptTime(hour),
        rows_left_at: Some(at(forgotten.since)),
        redis_deleted_at: forgotten.written.filter(|_| has_redis).map(at),
        name_erased_at: forgotten.erased.map(at),
        checkpoints_erased_at: None,
        digests_before: digests(before),
        digests_after: digests(after),
        not_erased: NOT_ERASED.map(str::to_owned).to_vec(),
        stays: STAYS.map(str::to_owned).to_vec(),
    }
}
