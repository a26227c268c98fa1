//! What all Kafka clients of this process have in common.

use prometheus::IntGauge;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::util::IntoOpaque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether any broker can be reached; one log line whenever that changes.
#[derive(Clone)]
pub(super) struct BrokerConnection {
    up: Arc<AtomicBool>,
    gauge: IntGauge,
}

impl BrokerConnection {
    pub(super) fn new(gauge: IntGauge) -> BrokerConnection {
        // Until it is known better: the first failure is worth a line as well.
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

/// The consumer's context.
pub(super) struct ConsumerEvents(pub(super) BrokerConnection);

/// The consumer that the readers' queues are split from.
pub(super) type SplitConsumer = BaseConsumer<ConsumerEvents>;

impl ClientContext for ConsumerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.0.lost(reason),
            // The end of a partition is news for its reader, not an error.
            Some(RDKafkaErrorCode::PartitionEOF) => (),
            _ => tracing::debug!(%error, reason, "librdkafka"),
        }
    }
}

impl ConsumerContext for ConsumerEvents {}

/// A producer's context, as far as logs go.
pub(super) struct LogContext;

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

/// Hears what becomes of a producer's records.
pub(super) trait Deliveries: Send + Sync {
    /// What comes with a record.
    type Opaque: IntoOpaque;

    fn delivered(&self, result: &DeliveryResult<'_>, opaque: Self::Opaque);
}

/// A producer's context: logs like [`LogContext`], and tells what becomes of each record.
pub(super) struct DeliveryContext<D>(pub(super) D);

impl<D: Send + Sync> ClientContext for DeliveryContext<D> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        LogContext.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        LogContext.error(error, reason);
    }
}

impl<D: Deliveries> ProducerContext for DeliveryContext<D> {
    type DeliveryOpaque = D::Opaque;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: D::Opaque) {
        self.0.delivered(result, opaque);
    }
}

/// librdkafka tells every attempt to reach a broker; we tell when the state changes, so its own
/// lines are for those who look for them, but for what it can't go on from.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, message, "librdkafka");
        }
        _ => tracing::debug!(facility, message, "librdkafka"),
    }
}
