//! `recsys config get|set`, `recsys check-config`

use super::args::ConfigAction;
use super::failure::{Unreadable, Unwritable, Usage};
use super::output::{self, say};
use super::settings;
use crate::config::{Config, EffectiveSetting};
use crate::settings::registry::setting_at;
use crate::settings::write::{LARGEST_VALUE, WriteError, write};
use crate::settings::{StoreError, under_config};
use anyhow::Context;
use std::error::Error;
use std::io::Read;

pub(super) fn run(config: &Config, action: ConfigAction) -> anyhow::Result<()> {
    // The store works in the background, so the runtime needs a thread besides this one.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    let store = settings::open(config, runtime.handle());
    match action {
        ConfigAction::Get { path } => {
            let path = under_config(&path)?;
            let unreadable = || Unreadable(format!("the node {path}"));
            let value = runtime.block_on(store.get(&path));
            let value = value.map_err(|error| of_file(config, error, unreadable()))?;
            let mut value = match value {
                Some(value) => complete(&path, value),
                None => return Err(Unreadable(format!("the node {path}: there is none")).into()),
            };
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
                Err(WriteError::Store(error)) => {
                    Err(of_file(config, error, Unwritable(format!("the node {path}"))))
                }
                Err(error) => Err(Usage(error.to_string()).into()),
            }
        }
    }
}

/// Makes an error of a store's. Without ZooKeeper the store is files, which refuse as files do.
fn of_file<F>(config: &Config, error: StoreError, of_files: F) -> anyhow::Error
where
    F: Error + Send + Sync + 'static,
{
    match error {
        StoreError::Refused(_) if config.zookeeper.is_none() => {
            anyhow::Error::from(error).context(of_files)
        }
        error => error.into(),
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
    input.read_to_end(&mut value).with_context(|| Unreadable("standard input".into()))?;
    if value.len() > LARGEST_VALUE {
        return Err(Usage(format!("the value has more than {LARGEST_VALUE} bytes")).into());
    }
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
