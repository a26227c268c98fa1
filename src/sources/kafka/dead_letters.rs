//! Writes dead letters to a topic of their own.

use super::client::{Deliveries, DeliveryContext};
use super::cluster::KafkaCluster;
use crate::metrics::SourceMetrics;
use crate::sources::{DEAD_LETTERS, DeadLetter};
use prometheus::IntCounter;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ThreadedProducer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The pause before a dead letter is offered again to a producer whose queue was full.
const RETRY: Duration = Duration::from_millis(10);

/// The longest time that the process waits, at its end, for dead letters under way.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// The topic of dead letters. Those that the brokers have not taken wait in librdkafka's queue;
/// while that is full, reading waits, so that none is lost.
pub(super) struct DeadLetterTopic {
    producer: ThreadedProducer<DeliveryContext<DeadLetterDeliveries>>,
    topic: String,
    lost: IntCounter,
}

impl DeadLetterTopic {
    pub(super) fn new(
        cluster: &KafkaCluster,
        metrics: &SourceMetrics,
    ) -> KafkaResult<DeadLetterTopic> {
        let defaults = [("linger.ms", "20"), ("queue.buffering.max.kbytes", "32768")];
        // With 0 a dead letter waits for the brokers without a time limit.
        let fixed = [("acks", "all"), ("enable.idempotence", "true"), ("message.timeout.ms", "0")];
        let lost = metrics.dead_letters_lost.clone();
        let config = cluster.client(&defaults, &fixed);
        let topic = cluster.topic(DEAD_LETTERS);
        let logged = AtomicBool::new(false);
        let deliveries = DeadLetterDeliveries { lost: lost.clone(), topic: topic.clone(), logged };
        let producer =
            ThreadedProducer::from_config_and_context(&config, DeliveryContext(deliveries))?;
        Ok(DeadLetterTopic { producer, topic, lost })
    }

    /// Sends a dead letter. Blocks while the queue is full, unless `stop` is set.
    pub(super) fn send(&self, dead_letter: &DeadLetter<'_>, stop: &AtomicBool) {
        let index = dead_letter.partition.index.to_string();
        let offset = dead_letter.offset.to_string();
        let details = dead_letter.details();
        let headers = [
            ("source_topic", &*dead_letter.partition.topic),
            ("source_partition", &index),
            ("source_offset", &offset),
            ("reason", dead_letter.reason.name()),
            ("details", &details),
        ];
        let headers = headers.into_iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let mut record = BaseRecord::<[u8], [u8]>::to(&self.topic).headers(headers);
        record.key = dead_letter.key;
        record.payload = dead_letter.value;
        while let Err((error, back)) = self.producer.send(record) {
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if !full || stop.load(Ordering::Acquire) {
                tracing::warn!(%error, "a dead letter could not be written");
                self.lost.inc();
                return;
            }
            record = back;
            std::thread::park_timeout(RETRY);
        }
    }

    /// Waits a little for dead letters under way.
    pub(super) fn close(self) {
        if let Err(error) = self.producer.flush(LAST_FLUSH) {
            let letters = self.producer.in_flight_count();
            tracing::warn!(%error, letters, "dead letters were not written before the end");
        }
    }
}

struct DeadLetterDeliveries {
    lost: IntCounter,
    topic: String,
    logged: AtomicBool,
}

impl Deliveries for DeadLetterDeliveries {
    type Opaque = ();

    fn delivered(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.logged.store(false, Ordering::Relaxed),
            Err((error, _)) => {
                self.lost.inc();
                // One line when failures begin, not one for each dead letter.
                if !self.logged.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, topic = self.topic, "dead letters can't be written");
                }
            }
        }
    }
}
