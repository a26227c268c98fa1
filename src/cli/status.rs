//! `recsys status`: shows what the process that has this configuration says of itself.

use super::output::say;
use super::running_process::get;
use crate::config::Config;
use anyhow::Context;
use serde_json::Value;

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let status: Value = serde_json::from_str(&get(config, "/api/status")?)
        .context("the answer of /api/status is no JSON")?;
    say(&format!("{status:#}"))
}
