//! Creates the topics, and tells in what those that are there differ.

use super::client::LogContext;
use super::cluster::KafkaCluster;
use crate::sources::{DEAD_LETTERS, Feed, TOPICS};
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The longest time that brokers may take for each step.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause before a broker is asked again.
const STEP: Duration = Duration::from_millis(100);

/// The error of a topic that nobody knows.
const UNKNOWN: KafkaError = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);

/// What makes a topic keep its records for ever: a start knows what the topics hold, and nothing else.
const KEPT: [(&str, &str); 3] =
    [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

/// What makes a topic keep the latest record of each key for ever.
const LATEST_KEPT: [(&str, &str); 1] = [("cleanup.policy", "compact")];

/// What became of a topic that was to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was created.
    Now,
    /// It existed, and is left as it is. It differs in this from what was asked for.
    Before(Vec<Difference>),
}

/// A property of a topic that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{property} is {found}, not {wanted}")]
pub struct Difference {
    /// Its name: `partitions`, `replication`, or one of Kafka's.
    pub property: &'static str,
    /// The topic's own value.
    pub found: String,
    /// What was asked for.
    pub wanted: String,
}

/// A topic with how it is kept.
pub struct Topic {
    /// Its whole name.
    pub name: String,
    /// How it is kept, for a person.
    pub kept: &'static str,
    config: &'static [(&'static str, &'static str)],
}

/// The topics of a cluster: those that are read, which keep what they get, and the one for dead letters,
/// which no start needs.
fn topics(cluster: &KafkaCluster) -> Vec<Topic> {
    let topic = |name, kept, config| Topic { name: cluster.topic(name), kept, config };
    let read = TOPICS.into_iter().map(|(name, feed)| match feed {
        Feed::Catalogue => topic(name, "the latest row of each product is kept", &LATEST_KEPT[..]),
        Feed::Events(_) | Feed::Merges | Feed::Forgets => topic(name, "nothing expires", &KEPT[..]),
    });
    let letters = topic(DEAD_LETTERS, "expires as the brokers are set to", &[]);
    read.chain([letters]).collect()
}

/// Creates the topics that are missing, and compares those that are there with what was asked for.
/// Returns what became of each, in the order of creation.
///
/// # Errors
/// When no broker answers within 30 seconds, or one refuses.
pub async fn create_topics(
    cluster: &KafkaCluster,
    partitions: i32,
    replication: i32,
) -> KafkaResult<Vec<(Topic, Created)>> {
    let config = cluster.client(&[], &[]);
    let admin = AdminClient::from_config_and_context(&config, LogContext)?;
    let topics = topics(cluster);
    let new = topics.iter().map(|topic| {
        let new = NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(replication));
        topic.config.iter().fold(new, |new, (key, value)| new.set(key, value))
    });
    let new: Vec<_> = new.collect();
    let patience = Some(PATIENCE);
    let options = AdminOptions::new().request_timeout(patience).operation_timeout(patience);
    let results = admin.create_topics(&new, &options).await?;
    let mut existing = BTreeSet::new();
    for result in results {
        match result {
            Ok(_) => {}
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => drop(existing.insert(name)),
            Err((_, code)) => return Err(KafkaError::AdminOp(code)),
        }
    }
    let mut created = Vec::new();
    for topic in topics {
        let became = if existing.contains(&topic.name) {
            Created::Before(differences(&admin, &topic, partitions, replication).await?)
        } else {
            Created::Now
        };
        created.push((topic, became));
    }
    Ok(created)
}

/// Compares a topic that is there with what was asked for.
async fn differences(
    admin: &AdminClient<LogContext>,
    topic: &Topic,
    partitions: i32,
    replication: i32,
) -> KafkaResult<Vec<Difference>> {
    let deadline = Instant::now() + PATIENCE;
    let (layout, config) = loop {
        match described(admin, &topic.name).await {
            Ok((found, config)) => break (layout(&found, partitions, replication), config),
            // The broker that is asked may not have heard of a new topic yet.
            Err(error) if error != UNKNOWN || Instant::now() >= deadline => return Err(error),
            Err(_) => sleep(STEP).await,
        }
    };
    let settings = topic.config.iter().filter_map(|setting| setting_differs(&config, *setting));
    Ok(layout.into_iter().chain(settings).collect())
}

/// Returns how many replicas each partition of a topic has, and the topic's settings.
async fn described(
    admin: &AdminClient<LogContext>,
    topic: &str,
) -> KafkaResult<(Vec<usize>, ConfigResource)> {
    let metadata = admin.inner().fetch_metadata(Some(topic), PATIENCE)?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let resource = ResourceSpecifier::Topic(topic);
    let config = admin.describe_configs([&resource], &options).await?.into_iter().next();
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.filter(|found| !found.partitions().is_empty()).ok_or(UNKNOWN)?;
    let config = match config {
        Some(Ok(config)) if !config.entries.is_empty() => config,
        Some(Err(code)) if code != RDKafkaErrorCode::UnknownTopicOrPartition => {
            return Err(KafkaError::AdminOp(code));
        }
        _ => return Err(UNKNOWN),
    };
    Ok((found.partitions().iter().map(|partition| partition.replicas().len()).collect(), config))
}

/// Compares the number of partitions, and of their replicas.
fn layout(found: &[usize], partitions: i32, replication: i32) -> Vec<Difference> {
    let replicas: BTreeSet<_> = found.iter().collect();
    let replicas: Vec<_> = replicas.into_iter().map(usize::to_string).collect();
    let compare = |property, found: String, wanted: i32| {
        let wanted = wanted.to_string();
        (found != wanted).then_some(Difference { property, found, wanted })
    };
    let partitions = compare("partitions", found.len().to_string(), partitions);
    let replication = compare("replication", replicas.join(" to "), replication);
    partitions.into_iter().chain(replication).collect()
}

fn setting_differs(
    config: &ConfigResource,
    (property, wanted): (&'static str, &'static str),
) -> Option<Difference> {
    let found = config.get(property).and_then(|entry| entry.value.clone());
    let found = found.unwrap_or_else(|| "not set".into());
    (found != wanted).then(|| Difference { property, found, wanted: wanted.into() })
}
