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

/// The longest time, in milliseconds, that a record may be ahead of its broker's clock: what is written with a
/// time of next year would be kept until next year, and everything in its segment with it.
const AHEAD_MS: &str = "3600000";

/// How long a topic keeps its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// For ever: a start reads all of the past.
    Forever,
    /// For so many days: a start knows no more of the past, and a process that reads nothing for longer loses
    /// records.
    Days(u32),
}

impl Retention {
    /// Kafka's `retention.ms`.
    fn milliseconds(self) -> String {
        match self {
            Retention::Forever => "-1".into(),
            Retention::Days(days) => (u64::from(days) * 86_400_000).to_string(),
        }
    }

    /// How it is kept, for a person.
    fn kept(self) -> String {
        match self {
            Retention::Forever => "nothing expires".into(),
            Retention::Days(days) => format!("each record expires after {days} days"),
        }
    }
}

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
    pub kept: String,
    config: Vec<(&'static str, String)>,
}

/// The topics of a cluster: those that are read, which keep what they get, and the one for dead letters,
/// which no start needs.
fn topics(cluster: &KafkaCluster, retention: Retention) -> Vec<Topic> {
    let topic =
        |name, kept: &str, config| Topic { name: cluster.topic(name), kept: kept.into(), config };
    let read = TOPICS.into_iter().map(|(name, feed)| match feed {
        Feed::Catalogue => {
            let config = vec![("cleanup.policy", "compact".into())];
            topic(name, "the latest row of each product is kept", config)
        }
        Feed::Events(_) | Feed::Merges | Feed::Forgets => {
            let config = vec![
                ("cleanup.policy", "delete".into()),
                ("retention.ms", retention.milliseconds()),
                ("retention.bytes", "-1".into()),
                ("message.timestamp.after.max.ms", AHEAD_MS.into()),
            ];
            topic(name, &retention.kept(), config)
        }
    });
    let letters = topic(DEAD_LETTERS, "expires as the brokers are set to", Vec::new());
    read.chain([letters]).collect()
}

/// Creates the topics that are missing, and compares those that are there with what was asked for.
/// Returns what became of each, in the order of creation.
///
/// # Errors
/// When no broker answers within 30 seconds, or one refuses.
pub async fn create_topics(
    cluster: &KafkaCluster,
    (partitions, replication): (i32, i32),
    retention: Retention,
) -> KafkaResult<Vec<(Topic, Created)>> {
    let config = cluster.client(&[], &[]);
    let admin = AdminClient::from_config_and_context(&config, LogContext)?;
    let topics = topics(cluster, retention);
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
    let differs =
        |(property, wanted): &(&'static str, String)| setting_differs(&config, property, wanted);
    let settings = topic.config.iter().filter_map(differs);
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
    property: &'static str,
    wanted: &str,
) -> Option<Difference> {
    let found = config.get(property).and_then(|entry| entry.value.clone());
    let found = found.unwrap_or_else(|| "not set".into());
    (found != wanted).then(|| Difference { property, found, wanted: wanted.into() })
}
