//! Kafka: reads the topics, writes dead letters and posted events.
//!
//! Each process has one consumer, whose partitions are assigned by hand, not by the group. Each
//! partition has a queue of its own. Each worker has a reader thread, which polls the queues of its
//! partitions, parses the records and hands them to the worker. The `assigner` finds partitions and
//! assigns them to readers.

mod commit_outcomes;
mod trouble;
mod client;
mod cluster;
mod login;
mod topology;
mod queue;
mod reach;
mod offsets;
mod topic_id;
mod read_to;
mod commits;
mod letters_there;
mod dead_letters;
mod reader;
mod retention;
mod assigner;
mod log;
mod topics;

#[cfg(test)]
mod tests;

pub use assigner::{StartError, start};
pub use cluster::KafkaCluster;
pub use log::KafkaLog;
pub use reach::{Unreachable, reach};
pub use retention::Covered;
pub use topics::{Created, Difference, Retention, Topic, create_topics};
