//! Reads the partitions of one worker: polls their queues, parses the records, hands them over.

use super::dead_letters::DeadLetterTopic;
use super::queue::{PartitionQueue, Polled, QueuedError, QueuedMessage};
use super::read_to::ReadTo;
use crate::engine::OldestHour;
use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use crate::source_health::{LostRecords, LostWhen, SourceHealth, Trouble};
use crate::sources::batch_sender::BatchSender;
use crate::sources::history::HistorySpan;
use crate::sources::hours_read::HoursRead;
use crate::sources::partition_errors::PartitionErrors;
use crate::sources::record_batch::Record;
use crate::sources::{DeadLetter, Feed, SourceProgress};
use crate::wall_clock::now_ms;
use crossbeam_channel::Receiver;
use parser::Written;
use prometheus::IntCounter;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// The longest sleep. The queues' callbacks end it sooner; this bounds the cost of a lost wake-up.
const NAP: Duration = Duration::from_millis(500);

/// The sleep while a partition waits for others.
const STEP_NAP: Duration = Duration::from_millis(2);

/// The longest time that a broker may take to say which offsets a partition has.
const PATIENCE: Duration = Duration::from_secs(2);

/// A partition that is assigned to a reader.
pub(super) struct AssignedPartition {
    pub(super) progress: PartitionProgress,
    pub(super) queue: PartitionQueue,
}

/// An entry of a queue that waits.
struct HeldEntry(Result<HeldMessage, QueuedError>);

struct HeldMessage {
    offset: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    time: Option<i64>,
}

impl HeldEntry {
    fn of(polled: Polled<'_>) -> HeldEntry {
        HeldEntry(polled.map(|QueuedMessage { offset, key, value, time }| {
            let [key, value] = [key, value].map(|bytes| bytes.map(<[u8]>::to_vec));
            HeldMessage { offset, key, value, time }
        }))
    }

    fn polled(&self) -> Polled<'_> {
        self.0.as_ref().map_err(|error| *error).map(|message| QueuedMessage {
            offset: message.offset,
            key: message.key.as_deref(),
            value: message.value.as_deref(),
            time: message.time,
        })
    }
}

/// A partition, and how far it has been read.
pub(super) struct PartitionProgress {
    partition: Partition,
    feed: Feed,
    next: i64,
    /// The next offset as of the last hand-over.
    published: i64,
    /// Shared with the assigner.
    read_to: ReadTo,
    errors: PartitionErrors,
    /// The offset that was to be read and is not there, if that happened.
    gone: Option<i64>,
    /// The end of the partition when reading began, until all up to there has been handed over.
    target: Option<i64>,
    history: HistorySpan,
    hours: HoursRead,
    /// What was polled, and waits for other partitions.
    held: VecDeque<HeldEntry>,
    events: IntCounter,
    /// Records that were read, but not counted in `events` yet.
    taken: u64,
}

impl PartitionProgress {
    pub(super) fn new(
        partition: Partition,
        feed: Feed,
        next: i64,
        history: HistorySpan,
        metrics: &SourceMetrics,
        health: &SourceHealth,
    ) -> PartitionProgress {
        let events = metrics.events.with_label_values(&[&*partition.topic]);
        let errors = PartitionErrors::new(&partition, Trouble::Read, metrics, health);
        let hours = HoursRead::new(&partition, history.end().is_some());
        PartitionProgress {
            partition,
            feed,
            next,
            published: next,
            read_to: ReadTo::new(next),
            errors,
            gone: None,
            target: history.end(),
            hours,
            held: VecDeque::new(),
            history,
            events,
            taken: 0,
        }
    }

    /// Has reading begin at an offset of a topic that was made anew. What was read of the one before is taken off the
    /// position before the partition counts as caught up.
    pub(super) fn begin_anew(&mut self, first: i64) {
        self.next = first;
        self.read_to.went_back(first);
        self.target.get_or_insert(first);
    }

    /// What is to be caught up with, if anything is.
    pub(super) fn behind(&self) -> Option<&HistorySpan> {
        self.target.is_some().then_some(&self.history)
    }

    fn has_reached(&self) -> bool {
        self.target.is_some_and(|target| self.next >= target)
    }

    /// Handles an error, or the partition's end.
    fn note(&mut self, QueuedError { code, offset }: QueuedError) {
        if code == RDKafkaErrorCode::PartitionEOF {
            // All was read. Control records at the end keep `next` from reaching the target.
            self.target = self.target.map(|_| 0);
            self.read_to.reached_end(offset);
            self.errors.read_to(offset);
            return;
        }
        let at = offset.max(self.next);
        match code {
            RDKafkaErrorCode::AutoOffsetReset => self.gone = Some(at),
            _ => self.errors.failed(at, code),
        }
    }

    /// Notes that a message came.
    fn came(&mut self, offset: i64) {
        self.errors.read_to(offset + 1);
        if offset < self.next {
            let PartitionProgress { partition, next, .. } = self;
            tracing::warn!(?partition, next, offset, "offsets went back");
            self.read_to.went_back(offset);
        }
        self.next = offset + 1;
    }

    /// Notes that the records before an offset are gone, and that reading goes on there.
    fn read_on_at(&mut self, first: i64) {
        self.next = first;
        // What is left of the history ends sooner, and may be nothing.
        self.errors.read_to(first);
    }

    /// How far it was read, as of the last hand-over.
    pub(super) fn read_to(&self) -> ReadTo {
        self.read_to.clone()
    }
}

/// The reader of one worker.
pub(super) struct WorkerReader {
    pub(super) sender: BatchSender,
    /// Partitions that the assigner has given to this reader.
    pub(super) assignments: Receiver<Vec<AssignedPartition>>,
    pub(super) dead_letters: Arc<DeadLetterTopic>,
    pub(super) metrics: SourceMetrics,
    pub(super) progress: SourceProgress,
    /// Whether reading goes on behind records that were deleted before they were read.
    pub(super) accept_loss: bool,
    /// What no partition is read far ahead of.
    pub(super) oldest: OldestHour,
    pub(super) stop: Arc<AtomicBool>,
}

impl WorkerReader {
    /// Reads until it is stopped or its worker has ended.
    pub(super) fn run(mut self) {
        let (mut partitions, mut all_known) = (Vec::new(), false);
        while !self.sender.stopped() {
            match self.round(&mut partitions, &mut all_known) {
                ControlFlow::Continue(true) => (),
                ControlFlow::Continue(false) => {
                    let waits = |partition: &AssignedPartition| !partition.progress.held.is_empty();
                    let waits = partitions.iter().any(waits);
                    thread::park_timeout(if waits { STEP_NAP } else { NAP });
                }
                ControlFlow::Break(()) => break,
            }
        }
    }

    /// Polls each partition once. Returns whether more messages are likely to wait. `all_known` is whether it
    /// was told that all partitions of the beginning are known.
    fn round(
        &mut self,
        partitions: &mut Vec<AssignedPartition>,
        all_known: &mut bool,
    ) -> ControlFlow<(), bool> {
        // In this order: what was given before all were found is taken here.
        let all_found = self.progress.are_all_found();
        for assigned in self.assignments.try_iter().flatten() {
            self.sender.reached(Some(assigned.progress.hours.begin()));
            partitions.push(assigned);
        }
        if all_found && !std::mem::replace(all_known, true) {
            self.sender.all_known();
        }
        let mut more = false;
        for partition in partitions.iter_mut() {
            more |= self.read(partition)?;
        }
        let reached = partitions.iter().any(|partition| partition.progress.has_reached());
        if reached || !more {
            self.sender.flush()?;
        }
        for partition in partitions.iter_mut().filter(|partition| partition.progress.has_reached())
        {
            partition.progress.target = None;
            self.progress.one_caught_up(&mut partition.progress.history);
        }
        ControlFlow::Continue(more)
    }

    /// Reads what waits of one partition, one poll's worth at most.
    fn read(
        &mut self,
        AssignedPartition { progress, queue }: &mut AssignedPartition,
    ) -> ControlFlow<(), bool> {
        let now = now_ms();
        let mut waits = false;
        while let Some(held) = progress.held.pop_front() {
            if !self.offer(progress, held.polled(), now)? {
                progress.held.push_front(held);
                waits = true;
                break;
            }
        }
        let more = !waits
            && queue.poll(|polled| {
                if !progress.held.is_empty() || !self.offer(progress, polled, now)? {
                    progress.held.push_back(HeldEntry::of(polled));
                }
                ControlFlow::Continue(())
            })?;
        if let Some(gone) = progress.gone {
            self.mend(progress, queue, gone)?;
        }
        self.publish(progress)?;
        ControlFlow::Continue(more)
    }

    /// Handles that an offset which was to be read next is not there. If it was deleted, reading goes on where the
    /// partition begins now, or not at all. Else the partition is not what was read, and the process must end: it
    /// would count again what it has read before.
    fn mend(
        &mut self,
        progress: &mut PartitionProgress,
        queue: &mut PartitionQueue,
        gone: i64,
    ) -> ControlFlow<()> {
        let (first, end) = match queue.watermarks(&progress.partition, PATIENCE) {
            Ok(range) => range,
            Err(error) => {
                // It is asked again: until then nothing comes.
                progress.errors.failed(gone, error);
                return ControlFlow::Continue(());
            }
        };
        if first <= gone {
            self.progress.fail(is_another(&progress.partition, gone, (first, end)));
            return ControlFlow::Break(());
        }
        progress.gone = None;
        self.lose(&progress.partition, (gone, first));
        if self.accept_loss {
            match queue.begin_at(&progress.partition, first) {
                Ok(()) => progress.read_on_at(first),
                Err(error) => {
                    let Partition { topic, index } = &progress.partition;
                    let failed =
                        format!("{topic}, partition {index}: it cannot be read on: {error}");
                    self.progress.fail(failed);
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Tells that records were deleted before they were read.
    fn lose(&self, partition: &Partition, (from, to): (i64, i64)) {
        let Partition { topic, index } = partition;
        let (offsets, reads_on) = (to - from, self.accept_loss);
        tracing::error!(
            %topic, index, position = from, first = to, lost = offsets, reads_on,
            "records were deleted before they were read"
        );
        let counter = self.metrics.records_lost.with_label_values(&[&**topic]);
        counter.inc_by(offsets.unsigned_abs());
        let (partition, when) = (partition.clone(), LostWhen::Running);
        let topic_ids = None;
        let lost = LostRecords { partition, when, from, to, offsets, reads_on, topic_ids };
        self.progress.health().lose(lost);
    }

    /// Takes an entry of the queue. Returns false, and takes it not, while it is too far ahead of what other
    /// partitions still have to read.
    fn offer(
        &mut self,
        progress: &mut PartitionProgress,
        polled: Polled<'_>,
        now: i64,
    ) -> ControlFlow<(), bool> {
        match polled {
            Ok(message) => {
                let written = Written::of(message.time, now);
                self.sender.reached(progress.hours.read(written, now));
                if progress.hours.is_ahead(self.oldest.get()) {
                    return ControlFlow::Continue(false);
                }
                self.take(progress, &message, written)?;
            }
            Err(error) => {
                if error.code == RDKafkaErrorCode::PartitionEOF {
                    self.sender.reached(progress.hours.reached_end());
                }
                progress.note(error);
            }
        }
        ControlFlow::Continue(true)
    }

    fn take(
        &mut self,
        progress: &mut PartitionProgress,
        message: &QueuedMessage<'_>,
        written: Written,
    ) -> ControlFlow<()> {
        let &QueuedMessage { offset, key, value, .. } = message;
        let is_replayed = progress.target.is_some_and(|target| offset < target);
        match self.sender.take(progress.feed, &Record { key, value, written, is_replayed }) {
            Ok(()) => progress.taken += 1,
            Err(reason) => {
                let (partition, feed) = (&progress.partition, progress.feed);
                let length = value.map_or(0, <[u8]>::len);
                let letter = DeadLetter { partition, feed, offset, key, value, length, reason };
                let details = letter.note(&self.metrics, self.progress.health());
                self.dead_letters.send(&letter, &details, &self.stop);
            }
        }
        progress.came(offset);
        if self.sender.is_full() { self.publish(progress) } else { ControlFlow::Continue(()) }
    }

    /// Adds a partition's advance to the batch, once a poll and before each hand-over, not once a
    /// record.
    fn publish(&mut self, progress: &mut PartitionProgress) -> ControlFlow<()> {
        // Not the number of records read: compaction and transactions leave gaps in the offsets.
        let by = progress.next - std::mem::replace(&mut progress.published, progress.next);
        progress.read_to.handed_over(progress.next);
        let taken = std::mem::take(&mut progress.taken);
        self.progress.read(&mut progress.history, progress.next, taken);
        progress.events.inc_by(taken);
        self.sender.advance(&progress.partition, by)
    }
}

/// Tells that an offset which was to be read next is not there, though nothing before it was deleted: the
/// partition is another now.
fn is_another(partition: &Partition, offset: i64, (first, end): (i64, i64)) -> String {
    let Partition { topic, index } = partition;
    format!(
        "{topic}, partition {index}: offset {offset} was to be read next, and the partition begins at offset \
         {first} and ends at {end}"
    )
}
