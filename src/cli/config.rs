//! `recsys config get|set|restore`, `recsys check-config`

use super::args::ConfigAction;
use super::failure::{Unreadable, Unwritable, Usage};
use super::output::{self, say};
use super::settings;
use crate::config::{Config, EffectiveSetting};
use crate::settings::changes::{SettingChange, note};
use crate::settings::registry::setting_at;
use crate::settings::write::{LARGEST_VALUE, WriteError, restore, write};
use crate::settings::{Store, StoreError, under_config};
use crate::wall_clock::now_ms;
use anyhow::Context;
use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What becomes of a node.
enum Change {
    /// It holds a value, if it takes it.
    Write(Vec<u8>),
    /// As [`restore`] has it.
    Restore,
}

pub(super) fn run(config: &Config, action: ConfigAction) -> anyhow::Result<()> {
    match action {
        ConfigAction::Get { path } => {
            let path = under_config(&path)?;
            let Some(value) = read(config, &path)? else {
                return Err(Unreadable(format!("the node {path}: there is none")).into());
            };
            let mut value = complete(&path, value);
            // Ends the line, so that a shell's prompt begins on the next.
            if !value.ends_with(b"\n") {
                value.push(b'\n');
            }
            output::write(&value)
        }
        ConfigAction::Set { path, value } => {
            let value = match value {
                Some(value) => value.into_bytes(),
                None => standard_input()?,
            };
            change(config, &under_config(&path)?, Change::Write(value)).map(|_| ())
        }
        ConfigAction::Restore { path } => {
            let path = under_config(&path)?;
            match change(config, &path, Change::Restore)? {
                true => Ok(()),
                false => Err(Unreadable(format!("the node {path}: there is none")).into()),
            }
        }
    }
}

/// Reads a node.
fn read(config: &Config, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let (runtime, store) = open(config)?;
    let unreadable = || Unreadable(format!("the node {path}"));
    runtime.block_on(store.get(path)).map_err(|error| of_file(config, error, unreadable()))
}

/// Changes a node. Returns whether it was there.
fn change(config: &Config, path: &str, change: Change) -> anyhow::Result<bool> {
    let (runtime, store) = open(config)?;
    match runtime.block_on(changed(&*store, path, change)) {
        Ok(was_there) => Ok(was_there),
        Err(WriteError::Store(error)) => {
            Err(of_file(config, error, Unwritable(format!("the node {path}"))))
        }
        Err(error) => Err(Usage(error.to_string()).into()),
    }
}

/// Opens the store of the settings. It works in the background, so the runtime needs a thread besides this one.
fn open(config: &Config) -> anyhow::Result<(Runtime, Arc<dyn Store>)> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    let store = settings::open(config, runtime.handle());
    Ok((runtime, store))
}

/// Changes a node, and adds a setting's change to their history. Returns whether it was there.
async fn changed(store: &dyn Store, path: &str, change: Change) -> Result<bool, WriteError> {
    let before = store.get(path).await?;
    let after = match change {
        Change::Write(value) => {
            write(store, path, value.clone()).await?;
            value
        }
        Change::Restore if restore(store, path).await? => {
            setting_at(path).map_or_else(Vec::new, |setting| setting.default().into_bytes())
        }
        Change::Restore => return Ok(false),
    };
    let who = match std::env::var("USER") {
        Ok(user) if !user.is_empty() => format!("recsys config of {user}"),
        _ => "recsys config".into(),
    };
    note(store, SettingChange::new(now_ms(), who, path, before.as_deref(), &after)).await;
    Ok(before.is_some())
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
