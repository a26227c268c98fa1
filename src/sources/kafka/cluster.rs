//! The Kafka cluster, and the configuration of its clients.

use super::client::{ConsumerEvents, SplitConsumer};
use super::trouble::{Trouble, hidden_tls};
use crate::access::SecretFile;
use crate::tls_probe::speaks_tls;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::KafkaResult;
use std::collections::BTreeMap;

/// The consumer's properties where the user sets none. librdkafka's own 1,000 for
/// `fetch.queue.backoff.ms` would read a backlog in bursts, a second apart.
const CONSUMER: [(&str, &str); 9] = [
    ("auto.commit.interval.ms", "3000"),
    ("fetch.queue.backoff.ms", "2"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.min.bytes", "1"),
    ("fetch.message.max.bytes", "8388608"),
    ("queued.min.messages", "100000"),
    ("queued.max.messages.kbytes", "32768"),
    ("isolation.level", "read_committed"),
    ("check.crcs", "false"),
];

/// Properties of the consumer that the user cannot change: this program keeps the positions, and the
/// group is told those that are stored. It reads no offset twice: where one is gone, librdkafka is not to choose another.
/// The statistics tell how much of what was fetched waits.
const CONSUMER_FIXED: [(&str, &str); 7] = [
    ("statistics.interval.ms", "10000"),
    ("enable.auto.commit", "true"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "error"),
    ("allow.auto.create.topics", "false"),
    ("topic.metadata.refresh.interval.ms", "5000"),
];

/// A Kafka cluster: its brokers and how clients connect to them.
#[derive(Clone, Default)]
pub struct KafkaCluster {
    /// `host:port,host:port…`
    pub bootstrap: String,
    /// The consumer group's name. The group assigns no partitions; offsets are committed under it, for lag
    /// tools.
    pub group: String,
    /// A prefix of every topic's name. Positions and metrics have the whole name.
    pub topic_prefix: String,
    /// Whether reading goes on behind records that were deleted before they were read.
    pub accept_loss: bool,
    /// librdkafka properties, which override the defaults of this program. They may hold secrets.
    pub properties: BTreeMap<String, String>,
    /// The files of further ones, which each client that is made reads.
    pub secret_files: BTreeMap<String, SecretFile>,
}

impl KafkaCluster {
    /// Returns a topic's whole name.
    pub(super) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// Says whether brokers speak TLS though the properties name none. librdkafka does not tell: to a client
    /// that is to log in, they just hang up. It asks the first of them, for some seconds at most.
    pub(super) fn hidden_tls(&self) -> Option<Trouble> {
        let protocol = self.properties.get("security.protocol").map_or("plaintext", |it| it);
        let broker = self.bootstrap.split(',').next().unwrap_or_default();
        let is_plain = protocol.to_ascii_lowercase().ends_with("plaintext");
        (is_plain && speaks_tls(broker)).then(|| hidden_tls(broker))
    }

    /// Makes a client's configuration: defaults, overridden by the user's properties, overridden by
    /// what is fixed.
    pub(super) fn client(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for &(key, value) in defaults {
            config.set(key, value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        for (key, file) in &self.secret_files {
            match file.read() {
                Ok(secret) => drop(config.set(key, secret)),
                // It could at the start. The brokers' refusal tells whoever waits for the client.
                Err(error) => tracing::warn!(%error, "a Kafka client goes without a secret"),
            }
        }
        config.set("bootstrap.servers", &self.bootstrap);
        for &(key, value) in fixed {
            config.set(key, value);
        }
        config
    }

    /// Makes the consumer of this process.
    pub(super) fn consumer(&self, events: ConsumerEvents) -> KafkaResult<SplitConsumer> {
        let mut config = self.client(&CONSUMER, &CONSUMER_FIXED);
        config.set("group.id", &self.group);
        SplitConsumer::from_config_and_context(&config, events)
    }
}
