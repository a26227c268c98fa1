//! Reads which dead letters are in their topic when reading begins.

use super::client::TroubleContext;
use super::cluster::KafkaCluster;
use crate::event_log::Partition;
use crate::sources::written_letters::{WrittenLetters, content};
use crate::sources::{DEAD_LETTERS, Positions};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest time between two letters.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest poll, which is also the longest that a stop waits.
const POLL: Duration = Duration::from_millis(200);
/// The properties of the consumer.
const FIXED: [(&str, &str); 4] = [
    ("enable.partition.eof", "true"),
    ("enable.auto.commit", "false"),
    ("auto.offset.reset", "earliest"),
    ("allow.auto.create.topics", "false"),
];
/// What this program may not be allowed to read, as it writes it alone.
const REFUSED: [RDKafkaErrorCode; 2] =
    [RDKafkaErrorCode::TopicAuthorizationFailed, RDKafkaErrorCode::GroupAuthorizationFailed];

/// Reads the letters of records from their positions on, up to where the topic ends now. Ends early if `stop` is set.
///
/// # Errors
/// The brokers do not answer.
pub(super) fn letters_there(
    cluster: &KafkaCluster,
    positions: &Positions,
    stop: &AtomicBool,
) -> KafkaResult<WrittenLetters> {
    match read(cluster, positions, stop) {
        Err(error) if error.rdkafka_error_code().is_some_and(|code| REFUSED.contains(&code)) => {
            let topic = cluster.topic(DEAD_LETTERS);
            tracing::warn!(
                %error, topic,
                "dead letters can't be read: those of records that are read again are written again"
            );
            Ok(WrittenLetters::default())
        }
        read => read,
    }
}

fn read(
    cluster: &KafkaCluster,
    positions: &Positions,
    stop: &AtomicBool,
) -> KafkaResult<WrittenLetters> {
    let mut config = cluster.client(&[], &FIXED);
    config.set("group.id", &cluster.group);
    let consumer = BaseConsumer::from_config_and_context(&config, TroubleContext::default())?;
    let topic = cluster.topic(DEAD_LETTERS);
    let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE)?;
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        partitions.add_partition_offset(&topic, partition.id(), Offset::Beginning)?;
    }
    let mut letters = WrittenLetters::default();
    if partitions.count() == 0 {
        return Ok(letters);
    }
    consumer.assign(&partitions)?;
    let (mut unread, mut last) = (partitions.count(), Instant::now());
    while unread > 0 && !stop.load(Ordering::Acquire) {
        match consumer.poll(POLL) {
            Some(Ok(letter)) => {
                if let Some(place) = place(&letter) {
                    letters.add(place, content(letter.key(), letter.payload()), positions);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => unread -= 1,
            Some(Err(error)) if last.elapsed() >= PATIENCE => return Err(error),
            None if last.elapsed() >= PATIENCE => {
                return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut));
            }
            // It is said above if it does not pass.
            Some(Err(_)) | None => continue,
        }
        last = Instant::now();
    }
    tracing::debug!(letters = letters.len(), "dead letters of records that are read again");
    Ok(letters)
}

/// The place of a letter's record. What is no letter of this program's has none.
fn place(letter: &BorrowedMessage<'_>) -> Option<(Partition, i64)> {
    let headers = letter.headers()?;
    let text = |wanted| {
        let header = headers.iter().find(|header| header.key == wanted)?;
        std::str::from_utf8(header.value?).ok()
    };
    let index = text("source_partition")?.parse().ok()?;
    let partition = Partition { topic: text("source_topic")?.into(), index };
    Some((partition, text("source_offset")?.parse().ok()?))
}
