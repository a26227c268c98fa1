//! `recsys topics create`

use super::args::{TopicsAction, TopicsArgs};
use super::failure::{self, Usage};
use super::output::{say, waiting};
use crate::config::Config;
use crate::sources::kafka::{Created, Retention, create_topics, reach};
use anyhow::{Context, bail};
use std::time::Duration;

/// The longest time that brokers may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(config: &Config, args: &TopicsArgs) -> anyhow::Result<()> {
    let kafka = failure::named(config.kafka.as_ref(), "kafka.brokers")?;
    let TopicsAction::Create { partitions, replication, retention_days } = args.action;
    let retention = retention(retention_days, config.views.horizon_days)?;
    let cluster = kafka.into();
    let at = || format!("cannot make topics on {}", kafka.brokers.join(","));
    reach(&cluster, PATIENCE).with_context(at)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let create = || runtime.block_on(create_topics(&cluster, (partitions, replication), retention));
    let created = waiting("the brokers make topics", create).with_context(at)?;
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

/// How long records are to be kept. What expires sooner than it leaves the history is what a start would miss.
fn retention(days: Option<u32>, horizon_days: u32) -> Result<Retention, Usage> {
    match days {
        None => Ok(Retention::Forever),
        Some(days) if days > horizon_days => Ok(Retention::Days(days)),
        Some(days) => Err(Usage(format!(
            "--retention-days {days}: must be more than views.horizon_days, which is {horizon_days}: the history goes \
             back that far, and a start reads it from the topics"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_outlive_the_history() {
        assert_eq!(retention(None, 30).unwrap(), Retention::Forever);
        assert_eq!(retention(Some(31), 30).unwrap(), Retention::Days(31));
        let refused = retention(Some(30), 30).unwrap_err().to_string();
        assert!(refused.starts_with("--retention-days 30: must be more than views.horizon_days, "));
    }
}
