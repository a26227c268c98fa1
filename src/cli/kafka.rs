//! Makes the configuration of Kafka clients.

use crate::config::KafkaConfig;
use crate::sources::kafka::KafkaCluster;
use rdkafka::config::ClientConfig;

impl From<&KafkaConfig> for KafkaCluster {
    fn from(kafka: &KafkaConfig) -> KafkaCluster {
        let properties = kafka.properties.iter();
        KafkaCluster {
            bootstrap: kafka.brokers.join(","),
            group: kafka.group.clone(),
            topic_prefix: kafka.topic_prefix.clone(),
            accept_loss: kafka.accept_loss,
            properties: properties
                .map(|(key, value)| (key.clone(), value.expose().into()))
                .collect(),
        }
    }
}

/// Makes a client's configuration with the user's properties.
pub(super) fn kafka_client(kafka: &KafkaConfig) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.brokers.join(","));
    for (key, value) in &kafka.properties {
        config.set(key, value.expose());
    }
    config
}
