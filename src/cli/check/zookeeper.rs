//! Creates an ephemeral node, reads it, and deletes it.

use super::PATIENCE;
use crate::cli::output::say;
use crate::config::ZooKeeperConfig;
use crate::settings::zookeeper::{connect, no_session, refusal};
use anyhow::{Context, ensure};
use tokio::time::timeout;
use zookeeper::{Acls, CreateMode, Error};

pub(super) fn check(config: &ZooKeeperConfig) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(round_trip(config))
}

async fn round_trip(config: &ZooKeeperConfig) -> anyhow::Result<()> {
    let late = || format!("no answer within {PATIENCE:?}");
    let told = |error: Error| anyhow::Error::msg(refusal(config, &error));
    let connected =
        timeout(PATIENCE, connect(config)).await.unwrap_or_else(|_| Err(Error::Timeout.into()));
    // Nothing else runs here that it could hold up.
    let client = connected.map_err(|error| anyhow::Error::msg(no_session(config, &error)))?;
    say("Connected to Zookeeper.")?;
    let chroot = timeout(PATIENCE, client.check_stat("/")).await.ok().with_context(late)?;
    let chroot = chroot.map_err(told)?;
    ensure!(chroot.is_some(), "zookeeper.chroot {} does not exist: create it", config.chroot);
    let path = format!("/recsys-check-{}", std::process::id());
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    let create = client.create(&path, b"Hello Zookeeper", &ephemeral);
    let created = timeout(PATIENCE, create).await.ok().with_context(late)?;
    created.map_err(told).context("no node can be created")?;
    say("Znode created.")?;
    let read = timeout(PATIENCE, client.get_data(&path)).await.ok().with_context(late)?;
    let (data, _) = read.map_err(told).context("the node can't be read")?;
    say(&format!("Znode data: {}", String::from_utf8_lossy(&data)))?;
    let delete = timeout(PATIENCE, client.delete(&path, None)).await.ok().with_context(late)?;
    delete.map_err(told).context("the node can't be deleted")?;
    ensure!(data == b"Hello Zookeeper", "the value that was set did not stay");
    Ok(())
}
