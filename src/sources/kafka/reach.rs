//! Sees whether brokers can be reached, for commands that are to say why they cannot.

use super::client::TroubleContext;
use super::cluster::KafkaCluster;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use std::time::{Duration, Instant};

/// The time after which it is looked whether the brokers have told what is wrong.
const STEP: Duration = Duration::from_millis(500);
/// The time for which they may tell then.
const TELL: Duration = Duration::from_millis(100);

/// Why no broker can be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The brokers, or their answers, have told.
    #[error("{0}")]
    Told(String),
    /// None answers.
    #[error("no broker answers within {0:?}: {1}")]
    Silent(Duration, KafkaError),
    /// librdkafka refuses the configuration.
    #[error("librdkafka refuses the configuration")]
    Configuration(#[from] KafkaError),
}

/// Waits until a broker answers.
///
/// # Errors
/// When none does in time, or the brokers tell that none will.
pub fn reach(cluster: &KafkaCluster, patience: Duration) -> Result<(), Unreachable> {
    let context = TroubleContext::default();
    let config = cluster.client(&[], &[]);
    let client = BaseConsumer::from_config_and_context(&config, context.clone())?;
    let deadline = Instant::now() + patience;
    let topic = cluster.topic("view-events");
    loop {
        let Err(error) = client.fetch_metadata(Some(&topic), STEP) else { return Ok(()) };
        // It hands the errors of connections to the context. A poll without time ends at a line of the log, of which
        // there may be many before them.
        let told = Instant::now() + TELL;
        while context.trouble().is_none() && Instant::now() < told {
            client.poll(TELL);
        }
        if let Some(trouble) = context.trouble().or_else(|| cluster.hidden_tls()) {
            return Err(Unreachable::Told(trouble.text));
        }
        if Instant::now() >= deadline {
            return Err(Unreachable::Silent(patience, error));
        }
    }
}
