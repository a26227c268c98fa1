//! How long topics still keep the oldest record that a start would read.

use super::client::LogContext;
use super::cluster::KafkaCluster;
use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::sources::{SourceProgress, TOPICS};
use crate::wall_clock::now_ms;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource};
use rdkafka::admin::{OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The interval at which it is measured.
const INTERVAL: Duration = Duration::from_secs(15);
/// The longest time that brokers may take for each step.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest wait, which is also the longest that a stop waits.
const STEP: Duration = Duration::from_millis(200);

/// Of each partition one record is wanted, and it may be gone.
const FIXED: [(&str, &str); 5] = [
    ("enable.auto.commit", "false"),
    ("auto.offset.reset", "earliest"),
    ("allow.auto.create.topics", "false"),
    ("queued.min.messages", "1"),
    ("fetch.message.max.bytes", "1024"),
];

/// The next offset of each partition by the newest checkpoint, if this process knows of checkpoints.
pub type Covered = Box<dyn Fn() -> Option<BTreeMap<String, i64>> + Send>;

/// Measures it again and again.
pub(super) struct RetentionWatch {
    pub(super) cluster: KafkaCluster,
    pub(super) covered: Covered,
    pub(super) metrics: SourceMetrics,
    pub(super) progress: SourceProgress,
    pub(super) stop: Arc<AtomicBool>,
}

impl ConsumerContext for LogContext {}

type Admin = AdminClient<LogContext>;
type Reader = BaseConsumer<LogContext>;

impl RetentionWatch {
    /// Measures until the source is stopped.
    pub(super) fn run(self) {
        let (mut clients, mut last, mut fails) = (None, None::<Instant>, false);
        while !self.is_stopped() {
            let is_due = last.is_none_or(|last| last.elapsed() >= INTERVAL);
            // Partitions are known a little after the start.
            if !is_due || self.progress.health().extents().is_empty() {
                thread::park_timeout(STEP);
                continue;
            }
            last = Some(Instant::now());
            let left = self.clients(&mut clients).and_then(|it| self.measure(it));
            if let Some(error) = left.as_ref().err().filter(|_| !fails) {
                tracing::info!(%error, "it is not known for how long topics keep what no checkpoint has");
            }
            fails = left.is_err();
            if fails && !self.cluster.secret_files.is_empty() {
                // Its next clients log in with what the files have then.
                clients = None;
            }
            self.tell(&left.unwrap_or_default());
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn clients<'a>(
        &self,
        clients: &'a mut Option<(Admin, Reader)>,
    ) -> KafkaResult<&'a (Admin, Reader)> {
        if clients.is_none() {
            let admin = self.cluster.client(&[], &[]);
            let mut reader = self.cluster.client(&[], &FIXED);
            reader.set("group.id", &self.cluster.group);
            *clients = Some((
                Admin::from_config_and_context(&admin, LogContext)?,
                Reader::from_config_and_context(&reader, LogContext)?,
            ));
        }
        Ok(clients.as_ref().expect("they were just made"))
    }

    /// The seconds that each topic still keeps the oldest record from where a start goes on; of a topic without any, as
    /// long as it keeps what is written now. Topics that keep everything have none.
    fn measure(&self, (admin, reader): &(Admin, Reader)) -> KafkaResult<BTreeMap<String, i64>> {
        let kept = kept(admin, &self.cluster)?;
        let mut positions = self.positions();
        positions.retain(|partition, _| kept.contains_key(&*partition.topic));
        let ends = ends(reader, positions.keys())?;
        let (unread, read): (BTreeMap<_, _>, BTreeMap<_, _>) =
            positions.into_iter().partition(|(partition, next)| ends.get(partition) > Some(next));
        let now = now_ms();
        let mut written = self.written(reader, &unread)?;
        written.extend(read.into_keys().map(|partition| (partition, now)));
        let mut left = BTreeMap::new();
        for (partition, written) in written {
            let Some(kept) = kept.get(&*partition.topic) else { continue };
            let seconds = (written.saturating_add(*kept) - now).max(0) / 1_000;
            let least = left.entry((*partition.topic).to_owned()).or_insert(seconds);
            *least = seconds.min(*least);
        }
        Ok(left)
    }

    /// Where a start would go on: by the newest checkpoint, or, if this process knows of none, where it reads itself.
    fn positions(&self) -> BTreeMap<Partition, i64> {
        let covered = (self.covered)();
        let read = self.progress.health().extents().into_iter();
        let begins = |extent: i64| if covered.is_some() { 0 } else { extent };
        let mut positions: BTreeMap<_, _> =
            read.map(|(partition, extent)| (partition, begins(extent.position))).collect();
        let named = |(name, next): (String, i64)| Some((Partition::of_name(&name)?, next));
        positions.extend(covered.into_iter().flatten().filter_map(named));
        positions
    }

    /// When the next record of each partition was written, in milliseconds since the Unix epoch, if it comes in time.
    fn written(
        &self,
        reader: &Reader,
        positions: &BTreeMap<Partition, i64>,
    ) -> KafkaResult<BTreeMap<Partition, i64>> {
        reader.assign(&list(positions.iter().map(|(it, next)| (it, Offset::Offset(*next))))?)?;
        let mut written = BTreeMap::new();
        let begun = Instant::now();
        while written.len() < positions.len() && begun.elapsed() < PATIENCE && !self.is_stopped() {
            // What fails is tried again, and comes late at worst.
            let Some(Ok(record)) = reader.poll(STEP) else { continue };
            let partition = Partition { topic: record.topic().into(), index: record.partition() };
            written.entry(partition).or_insert(record.timestamp().to_millis());
        }
        reader.unassign()?;
        Ok(written.into_iter().filter_map(|(partition, time)| Some((partition, time?))).collect())
    }

    fn tell(&self, left: &BTreeMap<String, i64>) {
        for (name, _) in TOPICS {
            let topic = self.cluster.topic(name);
            let gauge = &self.metrics.retention_left;
            match left.get(&topic) {
                Some(seconds) => gauge.with_label_values(&[&topic]).set(*seconds),
                // It has none when it is not there.
                None => drop(gauge.remove_label_values(&[&topic])),
            }
        }
        let least = left.iter().min_by_key(|(_, seconds)| **seconds);
        let least = least.map(|(topic, seconds)| (topic.clone(), *seconds));
        self.progress.health().set_retention(least);
    }
}

/// Where partitions end.
fn ends<'a>(
    reader: &Reader,
    partitions: impl Iterator<Item = &'a Partition>,
) -> KafkaResult<BTreeMap<Partition, i64>> {
    let asked = list(partitions.map(|partition| (partition, Offset::End)))?;
    // librdkafka refuses an empty list.
    if asked.count() == 0 {
        return Ok(BTreeMap::new());
    }
    // librdkafka takes this one for a time: the latest.
    let ends = reader.offsets_for_times(asked, PATIENCE)?;
    let end = |partition: TopicPartitionListElem<'_>| {
        let name = Partition { topic: partition.topic().into(), index: partition.partition() };
        Some((name, partition.offset().to_raw()?))
    };
    Ok(ends.elements().into_iter().filter_map(end).collect())
}

fn list<'a>(
    partitions: impl Iterator<Item = (&'a Partition, Offset)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (Partition { topic, index }, offset) in partitions {
        list.add_partition_offset(topic, *index, offset)?;
    }
    Ok(list)
}

/// How long topics keep each record, in milliseconds; those that keep everything, or are not there, are left out.
fn kept(admin: &Admin, cluster: &KafkaCluster) -> KafkaResult<BTreeMap<String, i64>> {
    let names = TOPICS.map(|(name, _)| cluster.topic(name));
    let topics: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    // Others poll the client: nothing is waited for but a channel.
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let described = admin.describe_configs(&topics, &options);
    let described = runtime.map_err(|_| KafkaError::Canceled)?.block_on(described)?;
    let mut kept = BTreeMap::new();
    for config in described {
        match config {
            Ok(config) => kept.extend(retention(&config)),
            Err(RDKafkaErrorCode::UnknownTopicOrPartition) => {}
            Err(code) => return Err(KafkaError::AdminOp(code)),
        }
    }
    Ok(kept)
}

/// A topic that deletes what is old, and after how long.
fn retention(config: &ConfigResource) -> Option<(String, i64)> {
    let OwnedResourceSpecifier::Topic(name) = &config.specifier else { return None };
    let value = |name| config.get(name)?.value.as_deref();
    let deletes = value("cleanup.policy")?.split(',').any(|policy| policy.trim() == "delete");
    let retention = value("retention.ms")?.parse().ok()?;
    (deletes && retention >= 0).then(|| (name.clone(), retention))
}
