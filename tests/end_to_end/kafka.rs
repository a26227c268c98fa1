//! Kafka, past the engine: what is written straight to topics and read from them.

use crate::harness::service;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigSource, NewTopic};
use rdkafka::admin::{ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A producer that fails the test for a record that no broker takes.
pub(crate) type Writer = ThreadedProducer<Delivered>;

pub(crate) struct Delivered;

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        // What a transaction takes back before it was sent is purged, and meant to be.
        if let Err((error, _)) = result
            && error.rdkafka_error_code() != Some(RDKafkaErrorCode::PurgeQueue)
        {
            FAILED.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Records that no broker took.
static FAILED: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", service("RECSYS_TEST_KAFKA"));
    config
}

pub(crate) fn writer(properties: &[(&str, &str)]) -> Writer {
    let mut config = client();
    config.set("enable.idempotence", "true");
    for (key, value) in properties {
        config.set(*key, *value);
    }
    config.create_with_context(Delivered).unwrap()
}

/// Queues a record.
pub(crate) fn send(writer: &Writer, record: BaseRecord<'_, str, [u8]>) {
    writer.send(record).map_err(|(error, _)| error).unwrap();
}

/// Waits until the brokers have all that was queued.
pub(crate) fn flush(writer: &Writer) {
    writer.flush(PATIENCE).unwrap();
    assert_eq!(FAILED.swap(0, Ordering::SeqCst), 0, "records were not taken");
}

/// Writes one record; none as value deletes.
pub(crate) fn write(topic: &str, key: &str, value: Option<&[u8]>) {
    let writer = writer(&[]);
    let record = BaseRecord::to(topic).key(key);
    send(&writer, if let Some(value) = value { record.payload(value) } else { record });
    flush(&writer);
}

/// Whether the brokers take a record whose time is so far ahead of the clock.
pub(crate) fn is_taken(topic: &str, ahead: Duration) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let time = i64::try_from((now + ahead).as_millis()).unwrap();
    let writer = writer(&[]);
    send(&writer, BaseRecord::to(topic).key("ahead").payload(&b"{}"[..]).timestamp(time));
    writer.flush(PATIENCE).unwrap();
    FAILED.swap(0, Ordering::SeqCst) == 0
}

/// How many partitions a writer knows of a topic.
pub(crate) fn partitions(writer: &Writer, topic: &str) -> usize {
    let metadata = writer.client().fetch_metadata(Some(topic), PATIENCE).unwrap();
    metadata.topics()[0].partitions().len()
}

fn admin() -> AdminClient<DefaultClientContext> {
    client().create().unwrap()
}

/// Waits for what the brokers answer to an administrator.
fn answer<T>(asked: impl Future<Output = KafkaResult<T>>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(asked).unwrap()
}

/// Makes a topic. False if it is there already, or still.
pub(crate) fn create(topic: &str, partitions: usize, properties: &[(&str, &str)]) -> bool {
    let partitions = i32::try_from(partitions).unwrap();
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(3));
    for (key, value) in properties {
        new = new.set(key, value);
    }
    answer(admin().create_topics([&new], &AdminOptions::new()))[0].is_ok()
}

pub(crate) fn delete(topic: &str) {
    answer(admin().delete_topics(&[topic], &AdminOptions::new()))[0].as_ref().unwrap();
}

/// Deletes the records of a partition that are before an offset, as retention does.
pub(crate) fn delete_before(topic: &str, partition: i32, offset: i64) {
    delete_up_to(topic, partition, Offset::Offset(offset));
}

/// Deletes all records of all topics of a prefix.
pub(crate) fn delete_all_records(prefix: &str) {
    let writer = writer(&[]);
    for topic in ["view-events", "add-to-cart-events", "purchase-events", "user-merges"] {
        let topic = format!("{prefix}{topic}");
        for partition in 0..partitions(&writer, &topic) {
            let partition = i32::try_from(partition).unwrap();
            delete_up_to(&topic, partition, Offset::End);
        }
    }
}

fn delete_up_to(topic: &str, partition: i32, offset: Offset) {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, partition, offset).unwrap();
    let deleted = answer(admin().delete_records(&offsets, &AdminOptions::new()));
    deleted.elements()[0].error().unwrap();
}

/// All records that a topic holds now.
pub(crate) fn read(topic: &str) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer =
        client().set("group.id", "test").set("enable.partition.eof", "true").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        partitions.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let mut unread = partitions.count();
    let mut records = Vec::new();
    while unread > 0 {
        match consumer.poll(PATIENCE).expect("there is a record, or the end") {
            Ok(record) => records.push(record.detach()),
            Err(KafkaError::PartitionEOF(_)) => unread -= 1,
            Err(error) => panic!("{topic}: {error}"),
        }
    }
    records
}

/// The value of a topic's setting, and whether it is the topic's own, not its brokers'.
pub(crate) fn setting(topic: &str, name: &str) -> (String, bool) {
    let topic = ResourceSpecifier::Topic(topic);
    let begun = Instant::now();
    loop {
        let described = answer(admin().describe_configs([&topic], &AdminOptions::new()));
        if let Some(entry) = described[0].as_ref().ok().and_then(|topic| topic.get(name)) {
            return (entry.value.clone().unwrap(), entry.source == ConfigSource::DynamicTopic);
        }
        // The broker that is asked may not know a new topic yet.
        assert!(begun.elapsed() < PATIENCE, "{name} of the topic");
    }
}

/// What lag tools show of a group and a topic: the sum over the partitions with something in them; `None`
/// if the group has committed nothing of one.
pub(crate) fn lag(group: &str, topic: &str) -> Option<i64> {
    let consumer: BaseConsumer = client().set("group.id", group).create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let lag = |index: i32| {
        let (_, end) = consumer.fetch_watermarks(topic, index, PATIENCE).unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, index);
        let committed = consumer.committed_offsets(list, PATIENCE).unwrap();
        match committed.elements()[0].offset() {
            Offset::Offset(offset) => Some(end - offset),
            _ => (end == 0).then_some(0),
        }
    };
    metadata.topics()[0].partitions().iter().map(|partition| lag(partition.id())).sum()
}
