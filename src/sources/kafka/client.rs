//! The contexts of this process's Kafka clients: their logs, and whether brokers can be reached.

use super::commit_outcomes::CommitOutcomes;
use super::trouble::{Trouble, trouble};
use crate::service_health::{KAFKA, ServiceHealth};
use prometheus::IntGauge;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::util::IntoOpaque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time for which what was wrong with a broker explains why none can be reached.
const COUNTS_FOR: Duration = Duration::from_secs(60);

/// The errors of connections to brokers.
const OF_CONNECTIONS: [RDKafkaErrorCode; 6] = [
    RDKafkaErrorCode::AllBrokersDown,
    RDKafkaErrorCode::Authentication,
    RDKafkaErrorCode::BrokerTransportFailure,
    RDKafkaErrorCode::Resolve,
    RDKafkaErrorCode::SaslAuthenticationFailed,
    RDKafkaErrorCode::SSL,
];

/// Tells whether any broker can be reached, and what the configuration has to do with it; logs one line
/// whenever that changes.
#[derive(Clone)]
pub(super) struct BrokerConnection {
    up: Arc<AtomicBool>,
    /// What was found to be wrong last, and when.
    trouble: Arc<Mutex<Option<(Trouble, Instant)>>>,
    gauge: IntGauge,
    health: ServiceHealth,
}

impl BrokerConnection {
    pub(super) fn new(gauge: IntGauge, health: ServiceHealth) -> BrokerConnection {
        // It starts as up, so that a failure at the start is logged as well.
        BrokerConnection {
            up: Arc::new(AtomicBool::new(true)),
            trouble: Arc::default(),
            gauge,
            health,
        }
    }

    /// Whether an error is one that this tells of.
    pub(super) fn tells(error: &KafkaError) -> bool {
        let code = error.rdkafka_error_code();
        code.is_some_and(|code| OF_CONNECTIONS.contains(&code))
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Notes that no broker can be reached. Returns why, for a person.
    pub(super) fn lost(&self, why: &str) -> String {
        self.gauge.set(0);
        let recent = |(trouble, when): &(Trouble, Instant)| {
            (when.elapsed() < COUNTS_FOR).then(|| trouble.text.clone())
        };
        let known = self.trouble().as_ref().and_then(recent);
        let why = known.unwrap_or_else(|| format!("no Kafka broker can be reached: {why}"));
        self.health.fails(KAFKA, 0, &*why);
        if self.up.swap(false, Ordering::Relaxed) {
            tracing::warn!(why, "no Kafka broker can be reached; waiting for one");
        }
        why
    }

    /// Whether nothing has told why brokers are away.
    pub(super) fn is_unexplained(&self) -> bool {
        self.trouble().as_ref().is_none_or(|(_, when)| when.elapsed() >= COUNTS_FOR)
    }

    /// Notes an error of a broker, which may tell what is wrong.
    fn note(&self, error: &KafkaError, reason: &str) {
        if let Some(found) = trouble(error, reason) {
            self.explain(found);
        }
    }

    /// Notes what is wrong with a broker.
    pub(super) fn explain(&self, found: Trouble) {
        self.health.fails(KAFKA, 0, &*found.text);
        let mut trouble = self.trouble();
        let is_known = trouble.as_ref().is_some_and(|(known, _)| known.kind == found.kind);
        if !is_known {
            tracing::warn!(reason = found.text, "a Kafka broker can't be used; trying on");
        }
        *trouble = Some((found, Instant::now()));
    }

    fn trouble(&self) -> MutexGuard<'_, Option<(Trouble, Instant)>> {
        // Only whole values are stored, so a poisoned one is intact.
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn regained(&self) {
        self.health.works(KAFKA, 0);
        self.gauge.set(1);
        if !self.up.swap(true, Ordering::Relaxed) {
            *self.trouble() = None;
            tracing::info!("Kafka can be reached again");
        }
    }
}

/// The consumer's context: notices when no broker can be reached, how commits end, and how much waits.
pub(super) struct ConsumerEvents {
    pub(super) connection: BrokerConnection,
    pub(super) commits: CommitOutcomes,
    pub(super) queue_bytes: IntGauge,
}

/// The consumer, from which each partition's queue is split off.
pub(super) type SplitConsumer = BaseConsumer<ConsumerEvents>;

impl ClientContext for ConsumerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => drop(self.connection.lost(reason)),
            // The partition's reader handles this one.
            Some(RDKafkaErrorCode::PartitionEOF) => (),
            _ => {
                self.connection.note(&error, reason);
                tracing::debug!(%error, reason, "librdkafka");
            }
        }
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        let bytes: u64 = partitions.map(|partition| partition.fetchq_size).sum();
        self.queue_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

impl ConsumerContext for ConsumerEvents {
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let refused = || {
            let elements = offsets.elements();
            elements.iter().try_for_each(|partition| partition.error())
        };
        self.commits.ended(result.and_then(|()| refused()).map_err(|error| error.to_string()));
    }
}

/// A client's context that logs, and keeps the last trouble that the configuration made.
#[derive(Clone, Default)]
pub(super) struct TroubleContext(Arc<Mutex<Option<Trouble>>>);

impl TroubleContext {
    /// What is wrong with the brokers, as far as it is known.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ConsumerContext for TroubleContext {}

impl ClientContext for TroubleContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(trouble) = trouble(&error, reason) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
        }
        LogContext.error(error, reason);
    }
}

/// A client's context that logs and does nothing else.
pub(super) struct LogContext;

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

/// Handles the outcome of each record that a producer sends.
pub(super) trait Deliveries: Send + Sync {
    /// What is kept with a record until its outcome is known.
    type Opaque: IntoOpaque;

    fn delivered(&self, result: &DeliveryResult<'_>, opaque: Self::Opaque);

    /// Notes whether any broker can be reached. That one can is noted with each of librdkafka's
    /// statistics, if the producer asks for these.
    fn brokers_are_up(&self, _up: bool) {}

    /// Notes what is wrong with a broker.
    fn broker_fails(&self, _trouble: Trouble) {}
}

/// A producer's context: logs like [`LogContext`], and passes on the outcome of each record.
pub(super) struct DeliveryContext<D>(pub(super) D);

impl<D: Deliveries> ClientContext for DeliveryContext<D> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        LogContext.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.0.brokers_are_up(false);
        }
        if let Some(trouble) = trouble(&error, reason) {
            self.0.broker_fails(trouble);
        }
        LogContext.error(error, reason);
    }

    /// A connection that is idle is closed, so that none need be up although all brokers are well.
    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.0.brokers_are_up(true);
        }
    }
}

impl<D: Deliveries> ProducerContext for DeliveryContext<D> {
    type DeliveryOpaque = D::Opaque;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: D::Opaque) {
        self.0.delivered(result, opaque);
    }
}

/// Logs a line of librdkafka's. It logs every attempt to reach a broker, while this program logs
/// changes of state; so all but fatal lines are at debug level.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, message, "librdkafka");
        }
        _ => tracing::debug!(facility, message, "librdkafka"),
    }
}
