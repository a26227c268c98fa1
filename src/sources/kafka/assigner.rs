//! Finds the topics' partitions and assigns this process's to its readers.

use super::client::{BrokerConnection, ConsumerEvents, SplitConsumer};
use super::cluster::KafkaCluster;
use super::commit_outcomes::CommitOutcomes;
use super::commits::Commits;
use super::dead_letters::DeadLetterTopic;
use super::letters_there::letters_there;
use super::login::Login;
use super::offsets::offsets;
use super::queue::PartitionQueue;
use super::read_to::ReadTo;
use super::reader::{AssignedPartition, PartitionProgress, WorkerReader};
use super::retention::{Covered, RetentionWatch};
use super::topic_id::topic_ids;
use super::topology::Topology;
use crate::engine::question::Asker;
use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::source_health::{LostRecords, LostWhen, Trouble};
use crate::sources::batch_sender::BatchSender;
use crate::sources::history::HistorySpan;
use crate::sources::partition_errors::PartitionErrors;
use crate::sources::partition_lag::PartitionLag;
use crate::sources::{Feed, Positions, Running, SourceProgress, TOPICS, WorkerInlets};
use crossbeam_channel::{Sender, unbounded};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The longest poll of the main queue, which is also the longest that a stop waits.
const POLL: Duration = Duration::from_millis(200);
/// The interval at which partitions and lags are looked up.
const REFRESH: Duration = Duration::from_secs(3);
/// The same while a topic or all brokers are missing.
const REFRESH_WHILE_DOWN: Duration = Duration::from_millis(500);
/// The longest time that a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why reading could not be started. Brokers that cannot be reached are no reason: they are waited
/// for.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// librdkafka refuses the configuration.
    #[error("librdkafka refuses the configuration")]
    Configuration(#[from] KafkaError),
    /// No thread could be started.
    #[error("no thread could be started")]
    Thread(#[from] std::io::Error),
}

/// Starts to read the topics from given positions, of the topics with given ids, including topics that are created later.
/// The asker tells the positions that the views hold, which are committed, and `covered` those of the newest checkpoint.
///
/// # Errors
/// When librdkafka refuses the properties, or no thread can be started.
pub fn start(
    cluster: &KafkaCluster,
    (workers, asker): (&WorkerInlets, &Asker),
    positions: (&Positions, BTreeMap<String, String>),
    metrics: &SourceMetrics,
    (progress, covered): (SourceProgress, Covered),
) -> Result<Running, StartError> {
    let stop = Arc::new(AtomicBool::new(false));
    let retention = RetentionWatch {
        cluster: cluster.clone(),
        covered,
        metrics: metrics.clone(),
        progress: progress.clone(),
        stop: stop.clone(),
    };
    let (workers, state) = ((workers, asker), (&progress, &stop));
    let assigner = PartitionAssigner::new(cluster, workers, positions, metrics, state)?;
    let threads = vec![
        thread::Builder::new().name("kafka".into()).spawn(|| assigner.run())?,
        thread::Builder::new().name("kafka-retention".into()).spawn(|| retention.run())?,
    ];
    Ok(Running::new(stop, threads, progress))
}

/// Finds the topics' partitions and assigns this process's to its readers.
pub(super) struct PartitionAssigner {
    cluster: KafkaCluster,
    login: Option<Login>,
    consumer: Arc<SplitConsumer>,
    dead_letters: Arc<DeadLetterTopic>,
    /// Whether it knows those of earlier runs.
    letters_are_known: bool,
    connection: BrokerConnection,
    workers: WorkerInlets,
    positions: Positions,
    metrics: SourceMetrics,
    progress: SourceProgress,
    stop: Arc<AtomicBool>,
    readers: Vec<(Sender<Vec<AssignedPartition>>, JoinHandle<()>)>,
    watched: HashMap<Partition, WatchedPartition>,
    look_ups: HashMap<Partition, PartitionErrors>,
    topics: Vec<(Arc<str>, Feed)>,
    topology: Topology,
    /// The ids of the topics, as they were first seen.
    ids: HashMap<Arc<str>, String>,
    /// The ids of the topics that the positions are of.
    ids_before: BTreeMap<String, String>,
    /// The partitions of which it was told that their topic is another now.
    of_others: HashSet<Partition>,
    commits: Commits,
    /// The latest error that was about no partition.
    error: Option<KafkaError>,
}

/// A partition that was assigned to a reader.
struct WatchedPartition {
    read_to: ReadTo,
    lag: PartitionLag,
}

/// A partition that this process reads, with its leader.
struct FoundPartition {
    partition: Partition,
    feed: Feed,
    reader: usize,
    leader: Option<i32>,
}

/// Whether a topic is the one that was read before this start.
enum Origin {
    Same,
    /// It is not known yet.
    Unknown,
    /// The topic was deleted and made anew: the ids of the one before and of this one.
    Another([String; 2]),
}

/// A partition that is about to be assigned.
struct NewPartition {
    partition: Partition,
    feed: Feed,
    reader: usize,
    start: i64,
    progress: PartitionProgress,
}

impl PartitionAssigner {
    pub(super) fn new(
        cluster: &KafkaCluster,
        (workers, asker): (&WorkerInlets, &Asker),
        (positions, ids_before): (&Positions, BTreeMap<String, String>),
        metrics: &SourceMetrics,
        (progress, stop): (&SourceProgress, &Arc<AtomicBool>),
    ) -> Result<PartitionAssigner, StartError> {
        let connection =
            BrokerConnection::new(metrics.connected.clone(), progress.health().services().clone());
        let outcomes = CommitOutcomes::new(metrics.commits_failed.clone());
        let events = ConsumerEvents {
            connection: connection.clone(),
            commits: outcomes.clone(),
            queue_bytes: metrics.read_queue_bytes.clone(),
        };
        let login = Login::new(cluster);
        let consumer = cluster.consumer(events)?;
        let dead_letters = Arc::new(DeadLetterTopic::new(cluster, metrics, progress)?);
        let mut readers = Vec::new();
        for index in 0..workers.inlets.len() {
            let (sender, assignments) = unbounded();
            let reader = WorkerReader {
                sender: BatchSender::new(workers, index, metrics, stop.clone()),
                assignments,
                dead_letters: dead_letters.clone(),
                metrics: metrics.clone(),
                progress: progress.clone(),
                accept_loss: cluster.accept_loss,
                oldest: workers.oldest.clone(),
                stop: stop.clone(),
            };
            let name = format!("kafka-{}", workers.first + index);
            let thread = thread::Builder::new().name(name).spawn(|| reader.run())?;
            readers.push((sender, thread));
        }
        Ok(PartitionAssigner {
            cluster: cluster.clone(),
            login,
            consumer: Arc::new(consumer),
            dead_letters,
            letters_are_known: false,
            connection,
            workers: workers.clone(),
            positions: positions.clone(),
            metrics: metrics.clone(),
            progress: progress.clone(),
            stop: stop.clone(),
            readers,
            watched: HashMap::new(),
            look_ups: HashMap::new(),
            topics: TOPICS.map(|(name, feed)| (cluster.topic(name).into(), feed)).to_vec(),
            topology: Topology::new(metrics),
            ids: HashMap::new(),
            ids_before,
            of_others: HashSet::new(),
            commits: Commits::new(asker.clone(), outcomes),
            error: None,
        })
    }

    /// Assigns partitions as they appear, until the source is stopped.
    pub(super) fn run(mut self) {
        let mut last: Option<Instant> = None;
        while !self.stop.load(Ordering::Acquire) {
            if let Some(credentials) = self.login.as_mut().and_then(Login::changed) {
                credentials.give(self.consumer.client());
                self.dead_letters.log_in(&credentials);
            }
            let calm = self.connection.is_up() && self.topology.is_complete();
            let pause = if calm { REFRESH } else { REFRESH_WHILE_DOWN };
            if last.is_none_or(|last| last.elapsed() >= pause) {
                match self.refresh() {
                    Ok(()) => self.connection.regained(),
                    Err(error) => {
                        if self.connection.is_unexplained()
                            && let Some(found) = self.cluster.hidden_tls()
                        {
                            self.connection.explain(found);
                        }
                        let reason = self.connection.lost(&error.to_string());
                        self.topology.lose_brokers();
                        self.progress.set_obstacle(Some(reason));
                    }
                }
                last = Some(Instant::now());
            }
            let read = self.watched.iter().map(|(partition, it)| (partition, &it.read_to));
            self.commits.go_on(&self.consumer, read);
            // This poll also runs librdkafka's callbacks. Partitions have queues of their own, so that
            // it returns errors alone.
            let error = self.consumer.poll(POLL).and_then(Result::err);
            let error = error.filter(|error| !BrokerConnection::tells(error));
            if let Some(error) = error.filter(|error| self.error.as_ref() != Some(error)) {
                tracing::warn!(%error, "the consumer has met an error");
                self.error = Some(error);
            }
        }
        self.close();
    }

    /// Waits for the readers, whose queues must be dropped before the consumer: librdkafka never
    /// finishes closing it while one is referenced.
    fn close(self) {
        for (sender, thread) in self.readers {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a Kafka reader has panicked");
            }
            drop(sender);
        }
        drop(self.consumer);
        if let Ok(dead_letters) = Arc::try_unwrap(self.dead_letters) {
            dead_letters.close();
        }
    }

    /// Assigns partitions that are new, and updates the lag of the known ones. A partition that
    /// cannot be looked up, such as one without a leader, is tried again the next time.
    fn refresh(&mut self) -> KafkaResult<()> {
        let found = self.find()?;
        // Before any offset is asked for, so that it belongs to this topic or to a later one.
        if let Some(topic) = self.replaced_topic() {
            self.progress.fail(made_anew(&topic));
            self.stop.store(true, Ordering::Release);
            return Ok(());
        }
        let led = |found: &FoundPartition| (found.partition.clone(), found.leader);
        let all: Vec<_> = found.iter().map(led).collect();
        // Records are deleted from the beginning, so that of the known ones changes as well.
        let mut begins = offsets(&self.consumer, &all, Offset::Beginning, PATIENCE);
        let mut ends = offsets(&self.consumer, &all, Offset::End, PATIENCE);
        let (mut new, mut unknown) = (Vec::new(), 0);
        for FoundPartition { partition, feed, reader, .. } in found {
            // What a thread that panicked would have told is missing.
            let end = ends.remove(&partition).unwrap_or(Err(KafkaError::Canceled));
            let begin = begins.remove(&partition).unwrap_or(Err(KafkaError::Canceled));
            let range = begin.and_then(|begin| Ok((begin, end?)));
            let Some(range) = self.looked_up(&partition, range) else {
                unknown += 1;
                continue;
            };
            let labels = [&*partition.topic, &partition.index.to_string()];
            self.metrics.end_offset.with_label_values(&labels).set(range.1);
            match self.watched.get_mut(&partition) {
                Some(WatchedPartition { read_to, lag }) => {
                    lag.measure(read_to.get(), range, Instant::now());
                }
                None => match self.origin(&partition.topic) {
                    Origin::Unknown => unknown += 1,
                    Origin::Same => {
                        new.push(self.new_partition(partition, feed, reader, range));
                    }
                    Origin::Another(ids) => {
                        self.lose_topic(&partition, ids);
                        if self.cluster.accept_loss {
                            new.push(self.anew(partition, feed, reader, range));
                        }
                    }
                },
            }
        }
        if !self.letters_are_known && !new.is_empty() {
            let there = letters_there(&self.cluster, &self.positions, &self.stop)?;
            self.dead_letters.know(there);
            self.letters_are_known = true;
        }
        self.assign(new)?;
        self.tell(unknown);
        Ok(())
    }

    /// Looks for a topic that is not the one that was first seen under its name.
    fn replaced_topic(&mut self) -> Option<Arc<str>> {
        let names: Vec<_> = self.topics.iter().map(|(name, _)| name.clone()).collect();
        let ids = topic_ids(&self.consumer, &names, PATIENCE).unwrap_or_else(|error| {
            // They are looked up again soon.
            tracing::debug!(%error, "the topics' ids cannot be looked up");
            HashMap::new()
        });
        let replaced =
            ids.iter().find(|(name, id)| self.ids.get(*name).is_some_and(|was| was != *id));
        let replaced = replaced.map(|(name, _)| name.clone());
        for (name, id) in ids {
            let was = self.ids_before.get(&*name);
            if self.cluster.accept_loss || was.is_none_or(|was| *was == id) {
                self.progress.reads(&name, &id);
            }
            self.ids.entry(name).or_insert(id);
        }
        replaced
    }

    /// Whether a topic is the one that its positions are of.
    fn origin(&self, topic: &Arc<str>) -> Origin {
        match (self.ids_before.get(&**topic), self.ids.get(topic)) {
            (None, _) => Origin::Same,
            // It is looked up again soon.
            (Some(_), None) => Origin::Unknown,
            (Some(was), Some(is)) if was == is => Origin::Same,
            (Some(was), Some(is)) => Origin::Another([was.clone(), is.clone()]),
        }
    }

    /// Finds this process's partitions.
    fn find(&mut self) -> KafkaResult<Vec<FoundPartition>> {
        let mut found = Vec::new();
        for (topic, feed) in &self.topics {
            let metadata = self.consumer.fetch_metadata(Some(topic), PATIENCE)?;
            self.topology.note_brokers(&metadata);
            for (index, leader) in self.topology.partitions(topic, &metadata) {
                let partition = Partition { topic: topic.clone(), index };
                if let Some(reader) = self.workers.reader_of(&partition) {
                    found.push(FoundPartition { partition, feed: *feed, reader, leader });
                }
            }
        }
        Ok(found)
    }

    /// Tells what keeps partitions from being read. So many could not be looked up.
    fn tell(&self, unknown: usize) {
        self.progress.health().set_missing(self.topology.missing());
        // A broker that has not heard yet of a topic that was just made knows of no such topic either.
        let obstacle = match self.topology.is_complete() {
            true if unknown == 0 => None,
            true => Some(format!("{unknown} partitions cannot be looked up")),
            false => Some(missing_topics(self.topology.missing())),
        };
        if unknown == 0 {
            self.progress.all_found();
        }
        if obstacle.is_none() {
            self.progress.all_counted();
        }
        self.progress.set_obstacle(obstacle);
    }

    /// Takes the first offset of a partition, and its end. A failure is noted, and is none of the
    /// other partitions'.
    fn looked_up(
        &mut self,
        partition: &Partition,
        range: KafkaResult<(i64, i64)>,
    ) -> Option<(i64, i64)> {
        let errors = self.look_ups.entry(partition.clone()).or_insert_with(|| {
            let health = self.progress.health();
            PartitionErrors::new(partition, Trouble::LookUp, &self.metrics, health)
        });
        let watched = self.watched.get(partition);
        let read_to = watched.map_or(0, |watched| watched.read_to.get());
        match range {
            Ok(range) => {
                errors.succeeded(read_to);
                Some(range)
            }
            Err(error) => {
                errors.failed(read_to, error);
                None
            }
        }
    }

    /// Decides where a new partition, which begins at `low` and ends at `high`, is to be read from.
    fn new_partition(
        &self,
        partition: Partition,
        feed: Feed,
        reader: usize,
        (low, high): (i64, i64),
    ) -> NewPartition {
        let next = self.positions.get(&partition).copied();
        // Where the partition does not have it, the reader is told so, as it is of one that goes while it reads.
        let start = next.unwrap_or(low);
        if next.is_none() && low > 0 {
            self.begins_late(&partition, low);
        }
        self.read_from(partition, feed, reader, (start, high))
    }

    /// The same for a partition of a topic that was made anew: it is read from its first record on.
    fn anew(
        &self,
        partition: Partition,
        feed: Feed,
        reader: usize,
        (low, high): (i64, i64),
    ) -> NewPartition {
        let mut new = self.read_from(partition, feed, reader, (low, high));
        new.progress.begin_anew(low);
        new
    }

    /// A new partition that is read from `start` on, and ends at `high`.
    fn read_from(
        &self,
        partition: Partition,
        feed: Feed,
        reader: usize,
        (start, high): (i64, i64),
    ) -> NewPartition {
        // It is there before anything is lost, so that Prometheus sees it grow.
        self.metrics.records_lost.with_label_values(&[&*partition.topic]);
        let progress = PartitionProgress::new(
            partition.clone(),
            feed,
            self.positions.get(&partition).copied().unwrap_or(0),
            HistorySpan::new(start, high),
            &self.metrics,
            self.progress.health(),
        );
        NewPartition { partition, feed, reader, start, progress }
    }

    /// Tells, once, that what a partition had went with its topic, before it was read or not.
    fn lose_topic(&mut self, partition: &Partition, ids: [String; 2]) {
        if !self.of_others.insert(partition.clone()) {
            return;
        }
        let from = self.positions.get(partition).copied().unwrap_or(0);
        let (Partition { topic, index }, [was, is]) = (partition, &ids);
        let reads_on = self.cluster.accept_loss;
        tracing::error!(
            %topic, index, position = from, was, is, reads_on,
            "the topic was deleted and made anew; what was not read of it is lost"
        );
        let (partition, when) = (partition.clone(), LostWhen::Start);
        let topic_ids = Some(ids);
        let lost = LostRecords { partition, when, from, to: from, offsets: 0, reads_on, topic_ids };
        self.progress.health().lose(lost);
    }

    /// Tells that a partition no longer has its first records, whoever read them.
    fn begins_late(&self, partition: &Partition, low: i64) {
        let Partition { topic, index } = partition;
        tracing::warn!(
            %topic, index, first = low,
            "the records before the first offset are gone; what they told is not in the answers"
        );
        let (partition, when, reads_on) = (partition.clone(), LostWhen::Start, true);
        let (offsets, topic_ids) = (low, None);
        let lost = LostRecords { partition, when, from: 0, to: low, offsets, reads_on, topic_ids };
        self.progress.health().lose(lost);
    }

    /// Assigns new partitions to their readers, each with a queue of its own.
    ///
    /// The assignment is incremental, so that the queues of the other partitions stay split off. The
    /// new ones are split off before it: what comes for a partition after it, be it a record, an error
    /// or the partition's end, is in its queue.
    fn assign(&mut self, new: Vec<NewPartition>) -> KafkaResult<()> {
        if new.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(new.len());
        for NewPartition { partition, start, .. } in &new {
            let start = Offset::Offset(*start);
            list.add_partition_offset(&partition.topic, partition.index, start)?;
        }
        let split = |new: NewPartition| {
            let waker = self.readers[new.reader].1.thread().clone();
            let queue = PartitionQueue::split(&self.consumer, &new.partition, waker)
                .expect("a broker's topic names have no NUL, and the client is a consumer");
            (new, queue)
        };
        let split: Vec<_> = new.into_iter().map(split).collect();
        self.consumer.incremental_assign(&list)?;
        let mut assignments: Vec<_> = self.readers.iter().map(|_| Vec::new()).collect();
        for (NewPartition { partition, feed, reader, progress, start }, queue) in split {
            let Partition { topic, index } = &partition;
            tracing::info!(%topic, index, ?feed, start, "reading a partition");
            if let Some(history) = progress.behind() {
                self.progress.one_behind(history);
            }
            let lag = PartitionLag::new(&partition, &self.metrics, self.progress.health());
            let watched = WatchedPartition { read_to: progress.read_to(), lag };
            self.watched.insert(partition.clone(), watched);
            assignments[reader].push(AssignedPartition { progress, queue });
        }
        for (partitions, (sender, thread)) in assignments.into_iter().zip(&self.readers) {
            // A reader that has ended takes no assignment; its worker has ended as well.
            let _ = sender.send(partitions);
            thread.thread().unpark();
        }
        Ok(())
    }
}

/// Tells that a topic is another now. Its offsets mean other records, so that none of those that were read
/// may be gone on from.
fn made_anew(topic: &str) -> String {
    format!(
        "the topic {topic} was deleted and made anew: what was read of it is no more, and a start from a checkpoint reads \
         what it holds now with --accept-loss alone, or with --rebuild"
    )
}

/// Tells a person which topics are missing, and what makes them.
fn missing_topics(topics: &BTreeSet<Arc<str>>) -> String {
    let topics: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
    let topics = topics.join(", ");
    format!("there is no topic {topics}; `recsys topics create` makes what is missing")
}
