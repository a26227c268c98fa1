//! `recsys topics create`

use super::args::{TopicsAction, TopicsArgs};
use super::failure;
use super::output::say;
use crate::config::Config;
use crate::sources::kafka::{Created, create_topics, reach};
use anyhow::{Context, bail};
use std::time::Duration;

/// The longest time that brokers may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(config: &Config, args: &TopicsArgs) -> anyhow::Result<()> {
    let kafka = failure::named(config.kafka.as_ref(), "kafka.brokers")?;
    let TopicsAction::Create { partitions, replication } = args.action;
    let cluster = kafka.into();
    let at = || format!("cannot make topics on {}", kafka.brokers.join(","));
    reach(&cluster, PATIENCE).with_context(at)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let created =
        runtime.block_on(create_topics(&cluster, partitions, replication)).with_context(at)?;
    let mut different = Vec::new();
    for (topic, created) in created {
        let (name, kept) = (topic.name, topic.kept);
        match created {
            Created::Now => say(&format!("{name}: created, {partitions} × {replication}; {kept}"))?,
            Created::Before(differences) if differences.is_empty() => {
                say(&format!("{name}: was there already, as asked for; {kept}"))?;
            }
            Created::Before(differences) => {
                let differences: Vec<_> = differences.iter().map(ToString::to_string).collect();
                say(&format!("{name}: was there already, and is left as it is"))?;
                different.push(format!("{name} differs: {}", differences.join(", ")));
            }
        }
    }
    if !different.is_empty() {
        bail!(different.join("\n"));
    }
    Ok(())
}
