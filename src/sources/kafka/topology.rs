//! The brokers and topics of the cluster, and a log line whenever these come or go.

use crate::metrics::SourceMetrics;
use prometheus::IntGaugeVec;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::{Metadata, MetadataPartition};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The brokers of the cluster, and the topics that it lacks.
pub(super) struct Topology {
    missing: BTreeSet<Arc<str>>,
    brokers: BTreeSet<i32>,
    broker_up: IntGaugeVec,
    replicas_missing: IntGaugeVec,
}

impl Topology {
    pub(super) fn new(metrics: &SourceMetrics) -> Topology {
        Topology {
            missing: BTreeSet::new(),
            brokers: BTreeSet::new(),
            broker_up: metrics.broker_up.clone(),
            replicas_missing: metrics.replicas_missing.clone(),
        }
    }

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
        let missing: usize = topic.map_or(0, |topic| {
            let missing =
                |it: &MetadataPartition| it.replicas().len().saturating_sub(it.isr().len());
            topic.partitions().iter().map(missing).sum()
        });
        let gauge = self.replicas_missing.with_label_values(&[name]);
        gauge.set(i64::try_from(missing).unwrap_or(i64::MAX));
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
        self.show(&gone, 0);
        self.show(&brokers, 1);
        self.brokers = brokers;
    }

    /// Notes that none of the brokers answers.
    pub(super) fn lose_brokers(&self) {
        self.show(&self.brokers, 0);
    }

    fn show(&self, brokers: &BTreeSet<i32>, up: i64) {
        for broker in brokers {
            self.broker_up.with_label_values(&[&broker.to_string()]).set(up);
        }
    }
}
