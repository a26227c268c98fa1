//! `recsys topics create`

use super::args::{TopicsAction, TopicsArgs};
use super::{failure, say};
use crate::config::{Config, KafkaConfig};
use crate::sources::kafka::{Created, KafkaCluster, create_topics};
use anyhow::Context;

impl From<&KafkaConfig> for KafkaCluster {
    fn from(kafka: &KafkaConfig) -> KafkaCluster {
        let properties = kafka.properties.iter();
        KafkaCluster {
            bootstrap: kafka.brokers.join(","),
            group: kafka.group.clone(),
            topic_prefix: kafka.topic_prefix.clone(),
            properties: properties
                .map(|(key, value)| (key.clone(), value.expose().into()))
                .collect(),
        }
    }
}

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
