//! Sends `Hello Kafka` to `view-events` and reads it back.
//!
//! The message is sent in a transaction that is aborted in the end. The brokers store and replicate
//! it like any other, but readers of committed records only, such as the engine, never see it.

use super::PATIENCE;
use crate::cli::kafka::kafka_client;
use crate::cli::output::say;
use crate::config::KafkaConfig;
use crate::event_log::Subject;
use crate::sources::kafka::reach;
use anyhow::{Context, bail};
use crossbeam_channel::{Sender, unbounded};
use dataflows::record::event::Kind;
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Instant;

const MESSAGE: &str = "Hello Kafka";

pub(super) fn check(kafka: &KafkaConfig) -> anyhow::Result<()> {
    let topic = kafka.topic(Subject::from(Kind::View).topic());
    let topic = topic.as_str();
    let (reports, delivered) = unbounded();
    reach(&kafka.into(), PATIENCE)?;
    let producer = producer(kafka, Reports(reports))?;
    find_topic(&producer, topic)?;
    producer.init_transactions(PATIENCE).context("no transaction can be begun")?;
    producer.begin_transaction()?;
    let send = BaseRecord::<(), str>::to(topic).payload(MESSAGE);
    producer.send(send).map_err(|(error, _)| error)?;
    producer.flush(PATIENCE * 2).context("no broker has acknowledged the message")?;
    let (partition, offset) = delivered.try_recv().context("nothing was delivered")??;
    say(&format!("Message sent: {{ '{topic}': {{ '{partition}': {offset} }} }}"))?;
    let read = read_back(kafka, topic, partition, offset);
    // The message must not stay, even if it could not be read back.
    producer.abort_transaction(PATIENCE).context("the message could not be taken back")?;
    say(&format!("Received message: {}", read?))?;
    Ok(())
}

/// Passes on the outcome of the message.
struct Reports(Sender<Result<(i32, i64), KafkaError>>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let report = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        // The receiver is gone when the check has failed already.
        let _ = self.0.send(report);
    }
}

fn producer(kafka: &KafkaConfig, reports: Reports) -> anyhow::Result<BaseProducer<Reports>> {
    let patience = PATIENCE.as_millis().to_string();
    let id = format!("recsys-check-{}", std::process::id());
    let mut config = kafka_client(kafka)?;
    config.set("transactional.id", id).set("transaction.timeout.ms", "15000");
    config.set("message.timeout.ms", patience);
    Ok(config.create_with_context(reports)?)
}

/// Checks that a broker answers, and knows the topic.
fn find_topic(producer: &BaseProducer<Reports>, topic: &str) -> anyhow::Result<()> {
    let metadata = match producer.client().fetch_metadata(Some(topic), PATIENCE) {
        Ok(metadata) => metadata,
        Err(error) => bail!("no broker answers within {PATIENCE:?}: {error}"),
    };
    let missing = metadata.topics().iter().all(|topic| topic.partitions().is_empty());
    if missing {
        bail!("there is no topic {topic}; `recsys topics create` makes it");
    }
    Ok(())
}

fn read_back(
    kafka: &KafkaConfig,
    topic: &str,
    partition: i32,
    offset: i64,
) -> anyhow::Result<String> {
    let mut config: ClientConfig = kafka_client(kafka)?;
    // The message is not committed, and never will be.
    config.set("isolation.level", "read_uncommitted");
    config.set("group.id", "recsys-check").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    consumer.assign(&from)?;
    let deadline = Instant::now() + PATIENCE * 2;
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        match consumer.poll(left) {
            Some(Ok(message)) if message.offset() == offset => {
                return Ok(String::from_utf8_lossy(message.payload().unwrap_or_default()).into());
            }
            Some(Ok(message)) => bail!("offset {} came instead of {offset}", message.offset()),
            // A broker that is lost may come back in time.
            Some(Err(error)) if is_passing(&error) => {}
            Some(Err(error)) => return Err(error).context("the message can't be read back"),
            None => {}
        }
    }
    bail!("the message did not come back within {:?}", PATIENCE * 2)
}

fn is_passing(error: &KafkaError) -> bool {
    let passing = [RDKafkaErrorCode::BrokerTransportFailure, RDKafkaErrorCode::AllBrokersDown];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}
