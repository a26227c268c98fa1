//! Asks for the first and last offsets of many partitions at once.

use super::client::SplitConsumer;
use crate::event_log::Partition;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap};
use std::thread;
use std::time::Duration;

/// A partition with the broker that leads it; `None` when no broker does.
pub(super) type Led = (Partition, Option<i32>);

/// Returns the offset of each partition that [`Offset::Beginning`] or [`Offset::End`] stands for.
///
/// Each leader is asked once, for all its partitions, and all leaders are asked at the same time. A
/// leader that fails, or does not answer, costs its own partitions alone.
pub(super) fn offsets(
    consumer: &SplitConsumer,
    partitions: &[Led],
    of: Offset,
    patience: Duration,
) -> HashMap<Partition, KafkaResult<i64>> {
    let mut leaders: BTreeMap<Option<i32>, Vec<&Partition>> = BTreeMap::new();
    for (partition, leader) in partitions {
        leaders.entry(*leader).or_default().push(partition);
    }
    let without = leaders.remove(&None).unwrap_or_default();
    let no_leader = || Err(KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable));
    let mut found: HashMap<_, _> =
        without.into_iter().map(|partition| (partition.clone(), no_leader())).collect();
    thread::scope(|scope| {
        let ask =
            |partitions: Vec<_>| scope.spawn(move || ask(consumer, &partitions, of, patience));
        let asked: Vec<_> = leaders.into_values().map(ask).collect();
        for answer in asked {
            // A thread that has panicked has been logged; its partitions are asked for again.
            found.extend(answer.join().unwrap_or_default());
        }
    });
    found
}

/// Asks the leader of some partitions.
fn ask(
    consumer: &SplitConsumer,
    partitions: &[&Partition],
    of: Offset,
    patience: Duration,
) -> Vec<(Partition, KafkaResult<i64>)> {
    let named = |partition: &&Partition| (((*partition.topic).to_owned(), partition.index), of);
    let answer = TopicPartitionList::from_topic_map(&partitions.iter().map(named).collect())
        // librdkafka takes these two for times: the earliest and the latest.
        .and_then(|list| consumer.offsets_for_times(list, patience));
    let offset = |list: &TopicPartitionList, partition: &Partition| {
        let missing = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownPartition);
        let element = list.find_partition(&partition.topic, partition.index).ok_or(missing)?;
        element.error()?;
        match element.offset() {
            Offset::Offset(offset) => Ok(offset),
            _ => Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NoOffset)),
        }
    };
    let found = |&partition: &&Partition| match &answer {
        Ok(list) => (partition.clone(), offset(list, partition)),
        Err(error) => (partition.clone(), Err(error.clone())),
    };
    partitions.iter().map(found).collect()
}
