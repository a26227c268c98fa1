//! `recsys topics create`

use super::args::{TopicsAction, TopicsArgs};
use super::failure;
use super::output::say;
use crate::config::Config;
use crate::sources::kafka::{Created, create_topics};
use anyhow::Context;

pub(super) fn run(config: &Config, args: &TopicsArgs) -> anyhow::Result<()> {
    let kafka = failure::named(config.kafka.as_ref(), "kafka.brokers")?;
    let TopicsAction::Create { partitions, replication } = args.action;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let created = runtime
        .block_on(create_topics(&kafka.into(), partitions, replication))
        .with_context(|| format!("cannot make topics on {}", kafka.brokers.join(",")))?;
    for (topic, created) in created {
        say(&match created {
            Created::Now => format!("{topic}: created, {partitions} × {replication}"),
            Created::Before => format!("{topic}: was there already"),
        })?;
    }
    Ok(())
}
