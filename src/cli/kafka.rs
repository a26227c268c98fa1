//! Makes the configuration of Kafka clients.

use crate::access::SecretFileError;
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
            secret_files: kafka.secret_files.clone(),
        }
    }
}

/// Makes a client's configuration with the user's properties.
///
/// # Errors
/// When a file of a secret cannot be read.
pub(super) fn kafka_client(kafka: &KafkaConfig) -> Result<ClientConfig, SecretFileError> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.brokers.join(","));
    for (key, value) in &kafka.properties {
        config.set(key, value.expose());
    }
    for (key, file) in &kafka.secret_files {
        config.set(key, file.read()?);
    }
    Ok(config)
}
