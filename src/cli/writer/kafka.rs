//! Writes to Kafka topics; a record is stored once all in-sync replicas have it.

use super::RecordWriter;
use crate::cli::kafka::kafka_client;
use crate::config::KafkaConfig;
use crate::event_log::Subject;
use crate::sources::kafka::reach;
use anyhow::{Context, bail};
use dataflows::record::event::Kind;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The longest time that brokers may be away.
const PATIENCE: Duration = Duration::from_secs(30);

/// The topics of a Kafka cluster.
pub(super) struct Topics {
    producer: BaseProducer<Failures>,
    kafka: KafkaConfig,
    /// The topics' names in the cluster.
    names: HashMap<&'static str, String>,
}

/// The first record that was not stored, if any. Nobody waits for the others.
#[derive(Default)]
struct Failures(Mutex<Option<KafkaError>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.clone());
        }
    }
}

impl Topics {
    pub(super) fn new(kafka: &KafkaConfig) -> anyhow::Result<Topics> {
        let mut config = kafka_client(kafka)?;
        config.set("enable.idempotence", "true").set("linger.ms", "5");
        config.set("queue.buffering.max.messages", "500000");
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        reach(&kafka.into(), PATIENCE / 3)?;
        let producer: BaseProducer<Failures> = config.create_with_context(Failures::default())?;
        // An error here has a reason; later ones would only be time-outs.
        let (brokers, topic) =
            (kafka.brokers.join(","), kafka.topic(Subject::from(Kind::View).topic()));
        let metadata = producer.client().fetch_metadata(Some(&topic), PATIENCE / 3);
        let metadata = metadata.with_context(|| format!("no broker of {brokers} answers"))?;
        if metadata.topics().iter().all(|topic| topic.partitions().is_empty()) {
            bail!("there are no topics; `recsys topics create` makes them");
        }
        Ok(Topics { producer, kafka: kafka.clone(), names: HashMap::new() })
    }
}

/// Returns the error of a record that was sent before, if there is one.
fn failure(producer: &BaseProducer<Failures>) -> anyhow::Result<()> {
    let failure = producer.context().0.lock().unwrap_or_else(PoisonError::into_inner).take();
    failure.map_or(Ok(()), |error| Err(error).context("events were not acknowledged"))
}

impl RecordWriter for Topics {
    fn send(&mut self, topic: &'static str, key: &str, value: &[u8]) -> anyhow::Result<()> {
        let name = self.names.entry(topic).or_insert_with(|| self.kafka.topic(topic));
        let mut record = BaseRecord::to(name.as_str()).key(key).payload(value);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(Duration::from_millis(10));
                    failure(&self.producer)?;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    fn wait(&mut self, time: Duration) -> anyhow::Result<()> {
        self.producer.poll(time);
        failure(&self.producer)
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.producer.flush(PATIENCE * 2).context("events were not acknowledged")?;
        failure(&self.producer)
    }
}
