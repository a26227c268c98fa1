//! `recsys topics create`.

use super::say;
use crate::config::Config;
use crate::sources::kafka::{Cluster, Created, create_topics};
use anyhow::{Context, bail};

impl From<&crate::config::Kafka> for Cluster {
    fn from(kafka: &crate::config::Kafka) -> Cluster {
        let properties = kafka.properties.iter();
        Cluster {
            bootstrap: kafka.brokers.join(","),
            group: kafka.group.clone(),
            topic_prefix: kafka.topic_prefix.clone(),
            properties: properties
                .map(|(key, value)| (key.clone(), value.expose().to_owned()))
                .collect(),
        }
    }
}

pub(super) fn create(config: &Config, partitions: i32, replication: i32) -> anyhow::Result<()> {
    let Some(kafka) = &config.kafka else {
        bail!("no brokers are configured (`kafka.brokers`): topic files need no creating");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let topics = runtime
        .block_on(create_topics(&kafka.into(), partitions, replication))
        .context("the topics could not be created")?;
    for (topic, created) in topics {
        let what = match created {
            Created::Now => "created",
            Created::Before => "was there already",
        };
        say(&format!("{topic}: {what}"))?;
    }
    Ok(())
}
