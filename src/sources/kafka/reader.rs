//! One worker's reader: polls the queues of its partitions, parses on the spot, hands over.

use super::dead_letters::DeadLetterTopic;
use super::queue::{PartitionQueue, QueuedMessage};
use crate::engine::intake::Partition;
use crate::sources::batch_sender::BatchSender;
use crate::sources::record_batch::Record;
use crate::sources::{DeadLetter, Feed, SourceMetrics, SourceProgress, now_ms};
use crossbeam_channel::Receiver;
use prometheus::IntCounter;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Message, OwnedMessage};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

/// How long a reader sleeps at most. The queues' callbacks wake it; this is for a lost wake-up.
const NAP: Duration = Duration::from_millis(500);

/// Partitions and messages that the assigner gives to a reader.
pub(super) struct Assignment {
    /// Partitions to read from now on.
    pub(super) partitions: Vec<AssignedPartition>,
    /// Messages of known partitions that took the main queue: their own was not split off yet.
    pub(super) strays: Vec<OwnedMessage>,
}

/// A partition that a reader reads.
pub(super) struct AssignedPartition {
    pub(super) progress: PartitionProgress,
    pub(super) queue: PartitionQueue,
}

/// How far a partition has been read.
pub(super) struct PartitionProgress {
    partition: Partition,
    feed: Feed,
    next: i64,
    /// The next offset, shared with who tells the lag.
    told: Arc<AtomicI64>,
    /// Until it has been handed over, the offset that there was when reading began.
    target: Option<i64>,
    events: IntCounter,
    /// Events taken in, but not counted yet.
    taken: u64,
}

impl PartitionProgress {
    pub(super) fn new(
        partition: Partition,
        feed: Feed,
        next: i64,
        target: Option<i64>,
        metrics: &SourceMetrics,
    ) -> PartitionProgress {
        let events = metrics.events.with_label_values(&[&*partition.topic]);
        let told = Arc::new(AtomicI64::new(next));
        PartitionProgress { partition, feed, next, told, target, events, taken: 0 }
    }

    pub(super) fn is_behind(&self) -> bool {
        self.target.is_some()
    }

    fn has_reached(&self) -> bool {
        self.target.is_some_and(|target| self.next >= target)
    }

    /// Hears of what is no message.
    fn note(&mut self, error: RDKafkaErrorCode) {
        match (error, &mut self.target) {
            // All was read, though control records may keep `next` from showing it.
            (RDKafkaErrorCode::PartitionEOF, Some(target)) => *target = 0,
            (RDKafkaErrorCode::PartitionEOF, None) => (),
            _ => tracing::debug!(%error, partition = ?self.partition, "while reading"),
        }
    }

    /// The next offset, as it is told.
    pub(super) fn told(&self) -> Arc<AtomicI64> {
        self.told.clone()
    }
}

/// One worker's reader.
pub(super) struct WorkerReader {
    pub(super) sender: BatchSender,
    pub(super) assignments: Receiver<Assignment>,
    pub(super) dead_letters: Arc<DeadLetterTopic>,
    pub(super) metrics: SourceMetrics,
    pub(super) progress: SourceProgress,
    pub(super) stop: Arc<AtomicBool>,
}

impl WorkerReader {
    /// Reads until it is stopped or its worker has ended.
    pub(super) fn run(mut self) {
        let mut partitions = Vec::new();
        while !self.sender.stopped() {
            match self.round(&mut partitions) {
                ControlFlow::Continue(true) => (),
                ControlFlow::Continue(false) => thread::park_timeout(NAP),
                ControlFlow::Break(()) => break,
            }
        }
    }

    /// One turn for each partition; whether more is likely to wait.
    fn round(&mut self, partitions: &mut Vec<AssignedPartition>) -> ControlFlow<(), bool> {
        while let Ok(assignment) = self.assignments.try_recv() {
            partitions.extend(assignment.partitions);
            for message in assignment.strays {
                self.stray(partitions, &message)?;
            }
        }
        let mut more = false;
        for partition in partitions.iter_mut() {
            more |= self.turn(partition)?;
        }
        let reached = partitions.iter().any(|partition| partition.progress.has_reached());
        if reached || !more {
            self.sender.flush()?;
        }
        for partition in partitions.iter_mut().filter(|partition| partition.progress.has_reached())
        {
            partition.progress.target = None;
            self.progress.arrived();
        }
        ControlFlow::Continue(more)
    }

    fn turn(
        &mut self,
        AssignedPartition { progress, queue }: &mut AssignedPartition,
    ) -> ControlFlow<(), bool> {
        let now = now_ms();
        let more = queue.poll(|polled| match polled {
            Ok(message) => self.take(progress, &message, now),
            Err(error) => {
                progress.note(error);
                ControlFlow::Continue(())
            }
        })?;
        self.tell(progress)?;
        ControlFlow::Continue(more)
    }

    fn stray(
        &mut self,
        partitions: &mut [AssignedPartition],
        message: &OwnedMessage,
    ) -> ControlFlow<()> {
        let partition = partitions.iter_mut().find(|AssignedPartition { progress, .. }| {
            progress.partition.index == message.partition()
                && *progress.partition.topic == *message.topic()
        });
        let Some(AssignedPartition { progress, .. }) = partition else {
            return ControlFlow::Continue(());
        };
        let (key, value) = (message.key(), message.payload());
        let time = message.timestamp().to_millis();
        self.take(
            progress,
            &QueuedMessage { offset: message.offset(), key, value, time },
            now_ms(),
        )?;
        self.tell(progress)
    }

    fn take(
        &mut self,
        progress: &mut PartitionProgress,
        message: &QueuedMessage<'_>,
        now: i64,
    ) -> ControlFlow<()> {
        let &QueuedMessage { offset, key, value, time } = message;
        match self.sender.take(progress.feed, &Record { key, value, time }, now) {
            Ok(()) => progress.taken += 1,
            Err(reason) => {
                let topic = &*progress.partition.topic;
                self.metrics.dead_letters.with_label_values(&[topic, reason.name()]).inc();
                let partition = &progress.partition;
                self.dead_letters
                    .send(&DeadLetter { partition, offset, key, value, reason }, &self.stop);
            }
        }
        if offset < progress.next {
            let PartitionProgress { partition, next, .. } = progress;
            tracing::warn!(?partition, next, offset, "offsets went back");
        }
        progress.next = offset + 1;
        if self.sender.is_full() { self.tell(progress) } else { ControlFlow::Continue(()) }
    }

    /// Tells how far a partition has been read: before what was read of it is handed over, and not
    /// record by record.
    fn tell(&mut self, progress: &mut PartitionProgress) -> ControlFlow<()> {
        // Not how many were read: compaction and transactions leave gaps.
        let by = progress.next - progress.told.swap(progress.next, Ordering::Relaxed);
        progress.events.inc_by(std::mem::take(&mut progress.taken));
        self.sender.advance(&progress.partition, by)
    }
}
