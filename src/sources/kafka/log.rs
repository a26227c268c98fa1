//! Writes posted events, merges, forgets and catalogue rows to their topics, and acknowledges once all replicas have them.

use super::client::{Deliveries, DeliveryContext};
use super::cluster::KafkaCluster;
use super::login::Login;
use super::queue::may_be_stored;
use super::trouble::Trouble;
use crate::event_log::{
    EventLog, LogError, NewRecord, OutcomeSender, Outcomes, Partition, Position, Subject,
};
use crate::source_health::SourceHealth;
use crate::sources::recent_failure::RecentFailure;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ThreadedProducer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// An event log of Kafka topics: keyed by user or product, idempotent, acknowledged by all in-sync replicas.
pub struct KafkaLog {
    producer: ThreadedProducer<DeliveryContext<RecordDeliveries>>,
    login: Option<Mutex<Login>>,
    /// In the order of `Subject::ALL`.
    topics: [String; Subject::ALL.len()],
    health: Arc<Health>,
    source_health: SourceHealth,
}

impl KafkaLog {
    /// Makes the log of a cluster, which need not be reachable yet. The source's health tells which of the
    /// topics are missing.
    ///
    /// # Errors
    /// When librdkafka refuses the properties.
    pub fn new(cluster: &KafkaCluster, source_health: &SourceHealth) -> KafkaResult<KafkaLog> {
        // The time-out lies within that of requests, which then hear that a record was never sent.
        let defaults = [("linger.ms", "2"), ("message.timeout.ms", "8000")];
        // The statistics tell that a broker can be reached. A topic that brokers do not know is none:
        // whoever posts hears it at once, and may try again.
        let fixed = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("statistics.interval.ms", "1000"),
            ("topic.metadata.propagation.max.ms", "0"),
        ];
        let login = Login::new(cluster).map(Mutex::new);
        let config = cluster.client(&defaults, &fixed);
        let health = Arc::<Health>::default();
        let context = DeliveryContext(RecordDeliveries(health.clone()));
        let producer = ThreadedProducer::from_config_and_context(&config, context)?;
        let topics = Subject::ALL.map(|subject| cluster.topic(subject.topic()));
        Ok(KafkaLog { producer, login, topics, health, source_health: source_health.clone() })
    }

    /// Has the producer use the password that its file has now. Whoever posts, or asks whether that can be done, has it
    /// looked at: a connection that nobody needs may wait for it.
    fn log_in(&self) {
        // Who finds it locked need not look: somebody does.
        let Some(Ok(mut login)) = self.login.as_ref().map(Mutex::try_lock) else { return };
        if let Some(credentials) = login.changed() {
            credentials.give(self.producer.client());
        }
    }
}

impl EventLog for KafkaLog {
    fn append(&self, records: Vec<NewRecord>) -> Outcomes {
        self.log_in();
        let (sender, outcomes) = Outcomes::of(records.len());
        for (index, new) in records.iter().enumerate() {
            let topic = &self.topics[new.subject.index()];
            let waiting = Waiting { index, sender: sender.clone() };
            let record = BaseRecord::with_opaque_to(topic, Box::new(waiting));
            if let Err((error, record)) =
                self.producer.send(record.key(&new.key).payload(&new.json))
            {
                record.delivery_opaque.sender.tell(index, Err(failure(&error, topic, false)));
            }
        }
        outcomes
    }

    fn writable(&self) -> Result<(), String> {
        self.log_in();
        let missing = self.source_health.missing();
        // A shop need not have a catalogue.
        let of_users = &self.topics[..Subject::Product.index()];
        if let Some(topic) = of_users.iter().find(|topic| missing.contains(&***topic)) {
            return Err(no_topic(topic));
        }
        if !self.health.brokers_are_up.load(Ordering::Relaxed) {
            let trouble = self.health.trouble().as_ref().map(|trouble| trouble.text.clone());
            return Err(trouble.unwrap_or_else(|| "no Kafka broker can be reached".into()));
        }
        self.health.failure.check(Instant::now())
    }
}

/// What is known of the brokers' taking records.
#[derive(Default)]
struct Health {
    /// Whether a broker has been reached since all were last gone.
    brokers_are_up: AtomicBool,
    /// What is wrong with the brokers since one was last reached.
    trouble: Mutex<Option<Trouble>>,
    failure: RecentFailure,
}

impl Health {
    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        // Only whole values are stored, so a poisoned one is intact.
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who waits for the outcome of a record.
struct Waiting {
    index: usize,
    sender: OutcomeSender,
}

/// Sends each record's outcome to the request that waits for it.
struct RecordDeliveries(Arc<Health>);

impl Deliveries for RecordDeliveries {
    type Opaque = Box<Waiting>;

    fn delivered(&self, result: &DeliveryResult<'_>, waiting: Self::Opaque) {
        let outcome = match result {
            Ok(message) => {
                let partition =
                    Partition { topic: message.topic().into(), index: message.partition() };
                self.0.failure.succeeded();
                Ok(Position { partition, offset: message.offset() })
            }
            Err((error, message)) => {
                let error = failure(error, message.topic(), may_be_stored(message));
                // What is refused is the record's fault.
                if !matches!(error, LogError::Refused(_)) {
                    self.0.failure.failed(error.to_string());
                }
                Err(error)
            }
        };
        waiting.sender.tell(waiting.index, outcome);
    }

    fn brokers_are_up(&self, up: bool) {
        self.0.brokers_are_up.store(up, Ordering::Relaxed);
        if up {
            *self.0.trouble() = None;
        }
    }

    fn broker_fails(&self, trouble: Trouble) {
        *self.0.trouble() = Some(trouble);
    }
}

/// Tells errors that a retry may cure from those that it cannot, and from those after which nobody
/// knows.
fn failure(error: &KafkaError, topic: &str, may_be_stored: bool) -> LogError {
    let reason = error.to_string();
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed,
        ) => LogError::Refused(reason),
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)
            if !may_be_stored =>
        {
            LogError::Unavailable(no_topic(topic))
        }
        _ if may_be_stored => LogError::Unknown(reason),
        _ => LogError::Unavailable(reason),
    }
}

fn no_topic(topic: &str) -> String {
    format!("there is no topic {topic}; `recsys topics create` makes it")
}
