//! The Kafka cluster, and the configuration of its clients.

use super::client::{BrokerConnection, ConsumerEvents, SplitConsumer};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::KafkaResult;
use std::collections::BTreeMap;

/// What the consumer is like unless the user says otherwise. `fetch.queue.backoff.ms` is
/// 1,000 in librdkafka: a backlog would be read in bursts, a second apart.
const CONSUMER: [(&str, &str); 8] = [
    ("fetch.queue.backoff.ms", "2"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.min.bytes", "1"),
    ("fetch.message.max.bytes", "8388608"),
    ("queued.min.messages", "100000"),
    ("queued.max.messages.kbytes", "32768"),
    ("isolation.level", "read_committed"),
    ("check.crcs", "false"),
];

/// What the consumer must be like: positions are ours, not the group's.
const CONSUMER_FIXED: [(&str, &str); 6] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
    ("allow.auto.create.topics", "false"),
    ("topic.metadata.refresh.interval.ms", "5000"),
];

/// Where the brokers are, and how to speak to them.
#[derive(Clone, Default)]
pub struct KafkaCluster {
    /// `host:port,host:port…`
    pub bootstrap: String,
    /// The consumer group; it shares nothing out, for partitions are assigned by hand.
    pub group: String,
    /// What stands before every topic's name; positions and metrics tell the whole name.
    pub topic_prefix: String,
    /// librdkafka's own properties, which override ours. They may hold secrets.
    pub properties: BTreeMap<String, String>,
}

impl KafkaCluster {
    /// The whole name of a topic.
    pub(super) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// A configuration: our defaults, then the user's properties, then what must be so.
    pub(super) fn client(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for &(key, value) in defaults {
            config.set(key, value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        for &(key, value) in fixed {
            config.set(key, value);
        }
        config
    }

    /// The consumer of this process.
    pub(super) fn consumer(&self, connection: &BrokerConnection) -> KafkaResult<SplitConsumer> {
        let mut config = self.client(&CONSUMER, &CONSUMER_FIXED);
        config.set("group.id", &self.group);
        SplitConsumer::from_config_and_context(&config, ConsumerEvents(connection.clone()))
    }
}
