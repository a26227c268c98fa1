//! Writes posted events and merges to their topics, and acknowledges once all replicas have them.

use super::client::{Deliveries, DeliveryContext};
use super::cluster::KafkaCluster;
use crate::event_log::{EventLog, LogError, NewRecord, Partition, Position, Subject};
use crate::future::BoxFuture;
use crate::sources::recent_failure::RecentFailure;
use crate::sources::topic_of;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::oneshot;

/// An event log of Kafka topics: keyed by user, idempotent, acknowledged by all in-sync replicas.
pub struct KafkaLog {
    producer: ThreadedProducer<DeliveryContext<RecordDeliveries>>,
    /// In the order of `Subject::ALL`.
    topics: [String; 4],
    health: Arc<Health>,
}

impl KafkaLog {
    /// Makes the log of a cluster, which need not be reachable yet.
    ///
    /// # Errors
    /// When librdkafka refuses the properties.
    pub fn new(cluster: &KafkaCluster) -> KafkaResult<KafkaLog> {
        let defaults = [("linger.ms", "2"), ("message.timeout.ms", "10000")];
        // The statistics tell that a broker can be reached.
        let fixed =
            [("acks", "all"), ("enable.idempotence", "true"), ("statistics.interval.ms", "1000")];
        let config = cluster.client(&defaults, &fixed);
        let health = Arc::<Health>::default();
        let context = DeliveryContext(RecordDeliveries(health.clone()));
        let producer = ThreadedProducer::from_config_and_context(&config, context)?;
        let topics = Subject::ALL.map(|subject| cluster.topic(topic_of(subject)));
        Ok(KafkaLog { producer, topics, health })
    }
}

impl EventLog for KafkaLog {
    fn append(&self, records: Vec<NewRecord>) -> BoxFuture<Result<Vec<Position>, LogError>> {
        // Queued now, not when the future is first polled, which keeps the order of calls.
        let queued: Vec<_> = records
            .iter()
            .map(|new| {
                let (reply, delivered) = oneshot::channel();
                let topic = &self.topics[new.subject.index()];
                let record = BaseRecord::with_opaque_to(topic, Box::new(reply));
                let sent = self.producer.send(record.key(&new.user).payload(&new.json));
                sent.map(|()| delivered).map_err(|(error, _)| refusal(&error))
            })
            .collect();
        Box::pin(async move {
            let mut positions = Vec::with_capacity(queued.len());
            for delivered in queued {
                let ended = |_| LogError::Unavailable("the producer has ended".into());
                positions.push(delivered?.await.map_err(ended)??);
            }
            Ok(positions)
        })
    }

    fn writable(&self) -> Result<(), String> {
        if !self.health.brokers_are_up.load(Ordering::Relaxed) {
            return Err("no Kafka broker can be reached".into());
        }
        self.health.failure.check(Instant::now())
    }
}

/// What is known of the brokers' taking records.
#[derive(Default)]
struct Health {
    /// Whether a broker has been reached since all were last gone.
    brokers_are_up: AtomicBool,
    failure: RecentFailure,
}

/// Sends each record's outcome to the request that waits for it.
struct RecordDeliveries(Arc<Health>);

impl Deliveries for RecordDeliveries {
    type Opaque = Box<oneshot::Sender<Result<Position, LogError>>>;

    fn delivered(&self, result: &DeliveryResult<'_>, reply: Self::Opaque) {
        let position = match result {
            Ok(message) => {
                let partition =
                    Partition { topic: message.topic().into(), index: message.partition() };
                self.0.failure.succeeded();
                Ok(Position { partition, offset: message.offset() })
            }
            Err((error, _)) => {
                let error = refusal(error);
                // What is refused is the record's fault.
                if let LogError::Unavailable(_) = error {
                    self.0.failure.failed(error.to_string());
                }
                Err(error)
            }
        };
        // The receiver is gone if the request was given up.
        let _ = reply.send(position);
    }

    fn brokers_are_up(&self, up: bool) {
        self.0.brokers_are_up.store(up, Ordering::Relaxed);
    }
}

/// Tells errors that a retry may cure from those that it cannot.
fn refusal(error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed,
        ) => LogError::Refused(error.to_string()),
        _ => LogError::Unavailable(error.to_string()),
    }
}
