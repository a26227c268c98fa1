//! `recsys checkpoint now|list|verify|export`

use super::args::{CheckpointAction, CheckpointArgs};
use super::failure::{self, Damaged, Unwritable};
use super::output::{say, waiting};
use super::running_process::post;
use crate::config::Config;
use crate::persistence::TABLES;
use anyhow::{Context, bail};
use checkpoints::{Error, Listed, Store, contains, export, list, verify};
use serde_json::{Value, json};
use std::time::SystemTime;

pub(super) fn run(config: &Config, args: &CheckpointArgs) -> anyhow::Result<()> {
    if let CheckpointAction::Now = args.action {
        let write = || post(config, "/api/admin/checkpoint");
        let answer = waiting("the checkpoint is being written", write)?;
        let answer: Value = serde_json::from_str(&answer).context("the answer is no JSON")?;
        return say(&answer.to_string());
    }
    let url = failure::named(config.checkpoint.url.as_ref(), "checkpoint.url")?;
    let store = Store::open(url)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if let CheckpointAction::Export { to, number } = &args.action {
        let copying = || runtime.block_on(copy(&store, *number, to));
        let copied = waiting("the checkpoint is being copied", copying)?;
        return say(&copied.to_string());
    }
    let read = || match &args.action {
        CheckpointAction::Verify { .. } => runtime.block_on(verify(&store, TABLES)),
        _ => runtime.block_on(list(&store)),
    };
    let listed = waiting("checkpoints are being read", read)?;
    for checkpoint in &listed {
        say(&shown(checkpoint).to_string())?;
    }
    if let CheckpointAction::Verify { absent: Some(text) } = &args.action {
        let search = runtime.block_on(contains(&store, text))?;
        for found in &search.found {
            let column = found.column.as_deref().unwrap_or_default();
            say(&json!({"found": text, "in": found.object, "column": column}).to_string())?;
        }
        if !search.is_absent() {
            let unread = search.unread.len();
            bail!(
                "it is in {} places of {url}, or in {unread} that cannot be read",
                search.found.len()
            );
        }
        say(&json!({"absent": text, "objects": search.objects}).to_string())?;
    }
    let damaged = listed.iter().filter(|checkpoint| !checkpoint.is_whole()).count();
    if damaged > 0 { Err(Damaged { damaged, url: url.clone() }.into()) } else { Ok(()) }
}

/// Copies a checkpoint, and tells which.
async fn copy(store: &Store, number: Option<u64>, to: &str) -> anyhow::Result<Value> {
    let unwritable = |error: Error| anyhow::Error::from(error).context(Unwritable(to.to_owned()));
    let opened = match Store::open(to) {
        // A URL that is none is the command line's fault.
        Err(error) if !to.contains("://") => return Err(unwritable(error)),
        opened => opened?,
    };
    let is_of_copy = |error: &Error| match error {
        Error::Occupied { .. } => true,
        Error::Store { url, .. } => url == to,
        _ => false,
    };
    let exported = match export(store, number, TABLES, &opened).await {
        Err(error) if is_of_copy(&error) => return Err(unwritable(error)),
        exported => exported?,
    };
    let which =
        number.map_or("no checkpoint".to_owned(), |number| format!("no checkpoint {number}"));
    let exported = exported.with_context(|| format!("there is {which} in {}", store.url()))?;
    let (segments, bytes) = (exported.segments, exported.bytes);
    Ok(json!({"number": exported.number, "to": to, "segments": segments, "bytes": bytes}))
}

/// A line of JSON.
fn shown(checkpoint: &Listed) -> Value {
    let since = checkpoint.written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let faults: Vec<String> = checkpoint.faults.iter().map(ToString::to_string).collect();
    let mut shown = json!({"number": checkpoint.number, "written": since.as_secs()});
    if let Some(named) = &checkpoint.named {
        shown["run"] = json!(named.run);
        shown["claim"] = json!(named.claim);
        shown["asOf"] = json!(named.time);
        shown["segments"] = json!(named.segments);
        shown["rows"] = json!(named.rows);
        shown["bytes"] = json!(named.bytes);
    }
    shown["faults"] = json!(faults);
    shown
}
