//! Kafka: topics in, dead letters and posted events out.
//!
//! One consumer a process has the partitions assigned by hand. Each partition has a queue of its
//! own, and each worker a thread that reads the queues of its partitions, parses on the spot and
//! hands blocks of events over; the `assigner` finds partitions and shares them out.

mod client;
mod cluster;
mod queue;
mod dead_letters;
mod reader;
mod assigner;
mod log;
mod topics;

#[cfg(test)]
mod tests;

pub use assigner::{StartError, start};
pub use cluster::KafkaCluster;
pub use log::KafkaLog;
pub use topics::{Created, create_topics};
