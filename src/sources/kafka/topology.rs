//! The brokers and topics of the cluster, and a log line whenever these come or go.

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::Metadata;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The brokers of the cluster, and the topics that it lacks.
#[derive(Default)]
pub(super) struct Topology {
    missing: BTreeSet<Arc<str>>,
    brokers: BTreeSet<i32>,
}

impl Topology {
    /// Whether the cluster has all topics.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The topics that the cluster lacks.
    pub(super) fn missing(&self) -> &BTreeSet<Arc<str>> {
        &self.missing
    }

    /// Returns a topic's partitions with their leaders; none while the topic is missing, which is logged
    /// once.
    pub(super) fn partitions(
        &mut self,
        name: &Arc<str>,
        metadata: &Metadata,
    ) -> Vec<(i32, Option<i32>)> {
        let topic = metadata.topics().iter().find(|topic| topic.name() == &**name);
        let partitions = topic.map(|topic| {
            let leader = |leader: i32| (leader >= 0).then_some(leader);
            topic.partitions().iter().map(move |it| (it.id(), leader(it.leader())))
        });
        let partitions: Vec<_> = partitions.into_iter().flatten().collect();
        if partitions.is_empty() {
            if self.missing.insert(name.clone()) {
                let error = topic.and_then(|topic| topic.error()).map(RDKafkaErrorCode::from);
                tracing::warn!(topic = %name, ?error, "the topic is not there yet; `recsys topics create` makes it");
            }
        } else if self.missing.remove(name) {
            tracing::info!(topic = %name, "the topic is there now");
        }
        partitions
    }

    /// Logs which brokers have come and gone.
    pub(super) fn note_brokers(&mut self, metadata: &Metadata) {
        let brokers: BTreeSet<i32> = metadata.brokers().iter().map(|broker| broker.id()).collect();
        let (gone, come) = (&self.brokers - &brokers, &brokers - &self.brokers);
        if !gone.is_empty() {
            tracing::warn!(?gone, left = ?brokers, "Kafka brokers are gone");
        }
        if !come.is_empty() {
            tracing::info!(?come, "Kafka brokers are there");
        }
        self.brokers = brokers;
    }
}
