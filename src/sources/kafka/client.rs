//! What all Kafka clients of this process have in common.

use super::KafkaCluster;
use prometheus::IntGauge;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::util::IntoOpaque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the consumer is like unless the user says otherwise. `fetch.queue.backoff.ms` is
/// 1,000 in librdkafka: a backlog would be read in bursts, a second apart.
const CONSUMER: [(&str, &str); 8] = [
    ("fetch.queue.backoff.ms", "2"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.min.bytes", "1"),
    ("fetch.message.max.bytes", "8388608"),
    ("queued.min.messages", "100000"),
    ("queued.max.messages.kbytes", "32768"),
    ("isolation.level", "read_committed"),
    ("check.crcs", "false"),
];

/// What the consumer must be like: positions are ours, not the group's.
const CONSUMER_FIXED: [(&str, &str); 6] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
    ("allow.auto.create.topics", "false"),
    ("topic.metadata.refresh.interval.ms", "5000"),
];

impl KafkaCluster {
    /// The whole name of a topic.
    pub(super) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// A configuration: our defaults, then the user's properties, then what must be so.
    pub(super) fn client(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for &(key, value) in defaults {
            config.set(key, value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        for &(key, value) in fixed {
            config.set(key, value);
        }
        config
    }

    /// The consumer of this process.
    pub(super) fn consumer(&self, connection: &BrokerConnection) -> KafkaResult<SplitConsumer> {
        let mut config = self.client(&CONSUMER, &CONSUMER_FIXED);
        config.set("group.id", &self.group);
        SplitConsumer::from_config_and_context(&config, ConsumerEvents(connection.clone()))
    }
}

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
