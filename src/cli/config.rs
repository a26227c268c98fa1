//! `recsys config get|set`, `recsys check-config`

use super::args::ConfigAction;
use super::failure::Usage;
use super::output::{self, say};
use super::settings;
use crate::config::{Config, EffectiveSetting};
use crate::settings::registry::setting_at;
use crate::settings::under_config;
use crate::settings::write::{LARGEST_VALUE, WriteError, write};
use anyhow::{Context, bail};
use std::io::Read;

pub(super) fn run(config: &Config, action: ConfigAction) -> anyhow::Result<()> {
    // The store works in the background, so the runtime needs a thread besides this one.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    let store = settings::open(config, runtime.handle());
    match action {
        ConfigAction::Get { path } => {
            let path = under_config(&path)?;
            let Some(value) = runtime.block_on(store.get(&path))? else {
                bail!("there is no node {path}");
            };
            let mut value = complete(&path, value);
            // Ends the line, so that a shell's prompt begins on the next.
            if !value.ends_with(b"\n") {
                value.push(b'\n');
            }
            output::write(&value)
        }
        ConfigAction::Set { path, value } => {
            let path = under_config(&path)?;
            let value = match value {
                Some(value) => value.into_bytes(),
                None => standard_input()?,
            };
            match runtime.block_on(write(&*store, &path, value)) {
                Ok(()) => Ok(()),
                Err(WriteError::Store(error)) => Err(error.into()),
                Err(error) => Err(Usage(error.to_string()).into()),
            }
        }
    }
}

/// Returns a setting's value with every field. What is no value of it stays as it is stored.
fn complete(path: &str, value: Vec<u8>) -> Vec<u8> {
    let Some(setting) = setting_at(path) else { return value };
    match setting.complete(&value) {
        Ok(complete) => complete.into_bytes(),
        Err(reason) => {
            tracing::warn!(path, reason, "this is no {}, and so not in force", setting.name);
            value
        }
    }
}

fn standard_input() -> anyhow::Result<Vec<u8>> {
    let mut value = Vec::new();
    // One more than there may be, so that too large a value is seen to be.
    let mut input = std::io::stdin().take(LARGEST_VALUE as u64 + 1);
    input.read_to_end(&mut value).context("cannot read the value")?;
    Ok(value)
}

/// Prints every setting with its origin.
pub(super) fn show(settings: &[EffectiveSetting]) -> anyhow::Result<()> {
    let lines = settings.iter().map(|setting| format!("{} = {}", setting.key, setting.value));
    let lines: Vec<String> = lines.collect();
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).min(60);
    for (line, setting) in lines.iter().zip(settings) {
        say(&format!("{line:width$}  # {}", setting.origin))?;
    }
    Ok(())
}
