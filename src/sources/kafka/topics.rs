//! Creates the topics.

use super::client::LogContext;
use super::cluster::KafkaCluster;
use crate::sources::{DEAD_LETTERS, Feed, TOPICS};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::time::Duration;

/// What became of a topic that was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was created.
    Now,
    /// It existed, and is left as it is.
    Before,
}

/// Creates the topics that are missing: those that are read, of which the catalogue is compacted,
/// and the one for dead letters. Returns what became of each, in the order of creation.
///
/// # Errors
/// When no broker answers within 30 seconds, or one refuses.
pub async fn create_topics(
    cluster: &KafkaCluster,
    partitions: i32,
    replication: i32,
) -> KafkaResult<Vec<(String, Created)>> {
    let config = cluster.client(&[], &[]);
    let admin = AdminClient::from_config_and_context(&config, LogContext)?;
    let new = |name, compacted: bool| {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
        if compacted { topic.set("cleanup.policy", "compact") } else { topic }
    };
    let topics = TOPICS.map(|(name, feed)| (cluster.topic(name), feed == Feed::Catalogue));
    let letters = (cluster.topic(DEAD_LETTERS), false);
    let topics: Vec<_> =
        topics.iter().chain([&letters]).map(|(name, compacted)| new(name, *compacted)).collect();
    let patience = Some(Duration::from_secs(30));
    let options = AdminOptions::new().request_timeout(patience).operation_timeout(patience);
    let results = admin.create_topics(&topics, &options).await?;
    let created = results.into_iter().map(|result| match result {
        Ok(name) => Ok((name, Created::Now)),
        Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => Ok((name, Created::Before)),
        Err((_, code)) => Err(KafkaError::AdminOp(code)),
    });
    created.collect()
}
