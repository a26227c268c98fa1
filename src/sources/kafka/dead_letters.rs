//! Writes dead letters to a topic of their own.

use super::client::{Deliveries, DeliveryContext};
use super::cluster::KafkaCluster;
use super::login::Credentials;
use crate::event_log::{Partition, Position};
use crate::metrics::SourceMetrics;
use crate::sources::written_letters::{WrittenLetters, content};
use crate::sources::{DEAD_LETTERS, DeadLetter, SourceProgress};
use prometheus::IntCounter;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ThreadedProducer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The pause before a dead letter is offered again to a producer whose queue was full.
const RETRY: Duration = Duration::from_millis(10);

/// The longest time that the process waits, at its end, for dead letters under way.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// The largest message where `message.max.bytes` is not set: librdkafka's default.
const LARGEST: usize = 1_000_000;

/// More than what a message takes besides its key, its value and its headers.
const OVERHEAD: usize = 1024;

/// The topic of dead letters. Those that the brokers have not taken wait in librdkafka's queue;
/// while that is full, reading waits, so that none is lost.
pub(super) struct DeadLetterTopic {
    producer: ThreadedProducer<DeliveryContext<DeadLetterDeliveries>>,
    topic: String,
    /// The largest message that the producer takes, in bytes.
    largest: usize,
    /// Those of earlier runs.
    written: Mutex<WrittenLetters>,
    progress: SourceProgress,
    lost: IntCounter,
}

impl DeadLetterTopic {
    pub(super) fn new(
        cluster: &KafkaCluster,
        metrics: &SourceMetrics,
        progress: &SourceProgress,
    ) -> KafkaResult<DeadLetterTopic> {
        let defaults = [("linger.ms", "20"), ("queue.buffering.max.kbytes", "32768")];
        // With 0 a dead letter waits for the brokers without a time limit.
        let fixed = [("acks", "all"), ("enable.idempotence", "true"), ("message.timeout.ms", "0")];
        let lost = metrics.dead_letters_lost.clone();
        let config = cluster.client(&defaults, &fixed);
        let topic = cluster.topic(DEAD_LETTERS);
        let largest = config.get("message.max.bytes").and_then(|bytes| bytes.parse().ok());
        let largest = largest.unwrap_or(LARGEST);
        let logged = AtomicBool::new(false);
        let progress = progress.clone();
        let deliveries = DeadLetterDeliveries {
            lost: lost.clone(),
            progress: progress.clone(),
            target: topic.clone(),
            logged,
        };
        let producer =
            ThreadedProducer::from_config_and_context(&config, DeliveryContext(deliveries))?;
        let written = Mutex::default();
        Ok(DeadLetterTopic { producer, topic, largest, written, progress, lost })
    }

    /// Has the producer log in otherwise from now on.
    pub(super) fn log_in(&self, credentials: &Credentials) {
        credentials.give(self.producer.client());
    }

    /// Takes the letters of earlier runs, which are not sent again.
    pub(super) fn know(&self, written: WrittenLetters) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
    }

    /// Sends a dead letter, cut to what fits into a message, unless it is there. Blocks while the queue is full, unless
    /// `stop` is set.
    pub(super) fn send(&self, dead_letter: &DeadLetter<'_>, details: &str, stop: &AtomicBool) {
        let place =
            Position { partition: dead_letter.partition.clone(), offset: dead_letter.offset };
        let index = place.partition.index.to_string();
        let offset = place.offset.to_string();
        let length = dead_letter.length.to_string();
        let headers = [
            ("source_topic", &*place.partition.topic),
            ("source_partition", &index),
            ("source_offset", &offset),
            ("source_length", &length),
            ("reason", dead_letter.reason.name()),
            ("details", details),
        ];
        let taken: usize = headers.iter().map(|(key, value)| key.len() + value.len()).sum();
        let room = self.largest.saturating_sub(taken + OVERHEAD);
        let headers = headers.into_iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let opaque = Box::new(place.clone());
        let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, opaque);
        record.headers = Some(headers);
        record.key = dead_letter.key.map(|key| beginning(key, room / 2));
        let room = room - record.key.map_or(0, <[u8]>::len);
        record.payload = dead_letter.value.map(|value| beginning(value, room));
        let content = content(record.key, record.payload);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.take(&place.partition, place.offset, content) {
            return;
        }
        drop(written);
        self.progress.letter_sent();
        while let Err((error, back)) = self.producer.send(record) {
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if !full || stop.load(Ordering::Acquire) {
                let Position { partition: Partition { topic, index }, offset } = &place;
                tracing::warn!(%error, %topic, index, offset, "a dead letter could not be written");
                self.lost.inc();
                self.progress.letter_settled();
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

fn beginning(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most)]
}

struct DeadLetterDeliveries {
    lost: IntCounter,
    progress: SourceProgress,
    target: String,
    logged: AtomicBool,
}

impl Deliveries for DeadLetterDeliveries {
    /// The place of the record.
    type Opaque = Box<Position>;

    fn delivered(&self, result: &DeliveryResult<'_>, place: Box<Position>) {
        self.progress.letter_settled();
        match result {
            Ok(_) => self.logged.store(false, Ordering::Relaxed),
            Err((error, _)) => {
                self.lost.inc();
                // One line when failures begin, not one for each dead letter.
                if !self.logged.swap(true, Ordering::Relaxed) {
                    let Position { partition: Partition { topic, index }, offset } = *place;
                    let target = &self.target;
                    tracing::warn!(
                        %error, target, %topic, index, offset,
                        "dead letters can't be written, from that of this record on"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::sources::Feed;
    use parser::Reason;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[test]
    fn the_log_tells_the_place_of_a_record_whose_letter_is_lost() {
        // Nobody is there, and the queue takes one letter.
        let properties = [("queue.buffering.max.messages", "1")];
        let properties = properties.map(|(key, value)| (key.into(), value.into()));
        let bootstrap = "127.0.0.1:1".into();
        let properties = BTreeMap::from(properties);
        let cluster = KafkaCluster { bootstrap, properties, ..KafkaCluster::default() };
        let metrics = Metrics::new().sources;
        let letters = DeadLetterTopic::new(&cluster, &metrics, &SourceProgress::default()).unwrap();
        let partition = Partition { topic: "user-merges".into(), index: 3 };
        let log = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(Arc::new(log.reopen().unwrap()))
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            for offset in [70, 71] {
                let (partition, feed, reason) = (&partition, Feed::Merges, Reason::NotJson);
                let (key, value, length) = (None, Some(&b"x"[..]), 1);
                let letter = DeadLetter { partition, feed, offset, key, value, length, reason };
                letters.send(&letter, &letter.details(), &AtomicBool::new(true));
            }
        });
        let log = std::fs::read_to_string(log.path()).unwrap();
        assert!(log.contains("topic=user-merges index=3 offset=71"), "{log}");
        assert_eq!((log.lines().count(), metrics.dead_letters_lost.get()), (1, 1), "{log}");
    }
}
