//! The contexts of this process's Kafka clients: their logs, and whether brokers can be reached.

use super::commit_outcomes::CommitOutcomes;
use prometheus::IntGauge;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::util::IntoOpaque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells whether any broker can be reached, and logs one line whenever that changes.
#[derive(Clone)]
pub(super) struct BrokerConnection {
    up: Arc<AtomicBool>,
    gauge: IntGauge,
}

impl BrokerConnection {
    pub(super) fn new(gauge: IntGauge) -> BrokerConnection {
        // It starts as up, so that a failure at the start is logged as well.
        BrokerConnection { up: Arc::new(AtomicBool::new(true)), gauge }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    pub(super) fn lost(&self, why: &str) {
        self.gauge.set(0);
        if self.up.swap(false, Ordering::Relaxed) {
            tracing::warn!(why, "no Kafka broker can be reached; waiting for one");
        }
    }

    pub(super) fn regained(&self) {
        self.gauge.set(1);
        if !self.up.swap(true, Ordering::Relaxed) {
            tracing::info!("Kafka can be reached again");
        }
    }
}

/// The consumer's context: notices when no broker can be reached, and how commits end.
pub(super) struct ConsumerEvents {
    pub(super) connection: BrokerConnection,
    pub(super) commits: CommitOutcomes,
}

/// The consumer, from which each partition's queue is split off.
pub(super) type SplitConsumer = BaseConsumer<ConsumerEvents>;

impl ClientContext for ConsumerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.connection.lost(reason),
            // The partition's reader handles this one.
            Some(RDKafkaErrorCode::PartitionEOF) => (),
            _ => tracing::debug!(%error, reason, "librdkafka"),
        }
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
