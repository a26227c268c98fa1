//! `recsys config get|set`, `recsys check-config`

use super::args::ConfigAction;
use super::failure::Usage;
use super::output::say;
use crate::config::{Config, EffectiveSetting};
use crate::settings::files::FileStore;
use crate::settings::zookeeper::ZooKeeperStore;
use crate::settings::{Store, WEIGHTS, under_config, weights};
use anyhow::{Context, bail};
use std::io::{Read, Write};

pub(super) fn run(config: &Config, action: ConfigAction) -> anyhow::Result<()> {
    // The store works in the background, so the runtime needs a thread besides this one.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    let handle = runtime.handle().clone();
    let store: Box<dyn Store> = match &config.zookeeper {
        Some(zookeeper) => Box::new(ZooKeeperStore::new(zookeeper, handle)),
        None => Box::new(FileStore::new(&config.files.dir, handle)),
    };
    match action {
        ConfigAction::Get { path } => {
            let path = under_config(&path)?;
            let Some(value) = runtime.block_on(store.get(&path))? else {
                bail!("there is no node {path}");
            };
            let mut out = std::io::stdout();
            out.write_all(&value)?;
            // Ends the line, so that a shell's prompt begins on the next.
            Ok(if value.ends_with(b"\n") { out.flush() } else { out.write_all(b"\n") }?)
        }
        ConfigAction::Set { path, value } => {
            let path = under_config(&path)?;
            let value = match value {
                Some(value) => value.into_bytes(),
                None => standard_input()?,
            };
            if path == WEIGHTS {
                weights::parse(&value).map_err(|error| Usage(format!("bad weights: {error}")))?;
            }
            Ok(runtime.block_on(store.put(&path, value))?)
        }
    }
}

fn standard_input() -> anyhow::Result<Vec<u8>> {
    let mut value = Vec::new();
    std::io::stdin().read_to_end(&mut value).context("cannot read the value")?;
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
