//! Kafka: topics in, dead letters and posted events out.
//!
//! One consumer a process has the partitions assigned by hand. Each partition has a queue of its
//! own, and each worker a thread that reads the queues of its partitions, parses on the spot and
//! hands blocks of events over; the `assigner` finds partitions and shares them out.

mod client;
mod assigner;
mod queue;
mod reader;
mod dead_letters;
mod log;
mod topics;

#[cfg(test)]
mod tests;

pub use log::KafkaLog;
pub use topics::{Created, create_topics};

use super::{Positions, Running, SourceMetrics, SourceProgress, WorkerInlets};
use assigner::PartitionAssigner;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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

/// Why Kafka could not be started on. Brokers that can't be reached are no such reason: they are
/// waited for.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// librdkafka refuses the configuration.
    #[error("librdkafka refuses the configuration")]
    Configuration(#[from] KafkaError),
    /// No thread could be started.
    #[error("no thread could be started")]
    Thread(#[from] std::io::Error),
}

/// Starts to read the topics that there are, and those that will be, from given positions.
///
/// # Errors
/// When librdkafka refuses the properties, or no thread can be started.
pub fn start(
    cluster: &KafkaCluster,
    workers: &WorkerInlets,
    positions: &Positions,
    metrics: &SourceMetrics,
) -> Result<Running, StartError> {
    let stop = Arc::new(AtomicBool::new(false));
    let progress = SourceProgress::default();
    let assigner =
        PartitionAssigner::new(cluster, workers, positions, metrics, (&progress, &stop))?;
    let thread = std::thread::Builder::new().name("kafka".into()).spawn(|| assigner.run())?;
    Ok(Running::new(stop, vec![thread], progress))
}
