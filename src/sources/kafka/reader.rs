//! One worker's reader: polls the queues of its partitions, parses on the spot, hands over.

use super::client::Context;
use super::dead_letters::DeadLetters;
use crate::engine::intake::Partition;
use crate::sources::batch::Record;
use crate::sources::desk::Desk;
use crate::sources::{Feed, Letter, Progress, SourceMetrics, now_ms};
use crossbeam_channel::Receiver;
use prometheus::IntCounter;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedMessage};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

/// How many records of one partition are read before it is another's turn.
const TURN: usize = 1000;

/// How long a reader sleeps at most. The queues' callbacks wake it; this is for a lost wake-up.
const NAP: Duration = Duration::from_millis(500);

/// What a reader is sent by the shepherd.
pub(super) struct Mail {
    /// Partitions to read from now on.
    pub(super) lanes: Vec<Lane>,
    /// Messages of known partitions that took the main queue: their own was not split off yet.
    pub(super) strays: Vec<OwnedMessage>,
}

/// A partition that a reader reads.
pub(super) struct Lane {
    pub(super) place: Place,
    pub(super) queue: PartitionQueue<Context>,
}

/// How far a partition has been read.
pub(super) struct Place {
    partition: Partition,
    feed: Feed,
    next: Arc<AtomicI64>,
    /// Until it has been handed over, the offset that there was when reading began.
    target: Option<i64>,
    events: IntCounter,
    /// Events taken in, but not counted yet.
    taken: u64,
}

impl Place {
    pub(super) fn new(
        partition: Partition,
        feed: Feed,
        next: i64,
        target: Option<i64>,
        metrics: &SourceMetrics,
    ) -> Place {
        let events = metrics.events.with_label_values(&[&*partition.topic]);
        Place { partition, feed, next: Arc::new(AtomicI64::new(next)), target, events, taken: 0 }
    }

    pub(super) fn is_behind(&self) -> bool {
        self.target.is_some()
    }

    fn has_reached(&self) -> bool {
        self.target.is_some_and(|target| self.next.load(Ordering::Relaxed) >= target)
    }

    /// The next offset, shared with who tells the lag.
    pub(super) fn next(&self) -> Arc<AtomicI64> {
        self.next.clone()
    }
}

/// One worker's reader.
pub(super) struct Reader {
    pub(super) desk: Desk,
    pub(super) mail: Receiver<Mail>,
    pub(super) letters: Arc<DeadLetters>,
    pub(super) metrics: SourceMetrics,
    pub(super) progress: Progress,
    pub(super) stop: Arc<AtomicBool>,
}

impl Reader {
    /// Reads until it is stopped or its worker has ended.
    pub(super) fn run(mut self) {
        let mut lanes = Vec::new();
        // NB: `lanes` must be gone before the consumer is: the shepherd waits for this thread.
        while !self.desk.stopped() {
            match self.round(&mut lanes) {
                ControlFlow::Continue(true) => (),
                ControlFlow::Continue(false) => thread::park_timeout(NAP),
                ControlFlow::Break(()) => break,
            }
        }
    }

    /// One turn for each partition; whether more is likely to wait.
    fn round(&mut self, lanes: &mut Vec<Lane>) -> ControlFlow<(), bool> {
        while let Ok(mail) = self.mail.try_recv() {
            lanes.extend(mail.lanes);
            for message in mail.strays {
                self.stray(lanes, &message)?;
            }
        }
        let mut more = false;
        for lane in lanes.iter_mut() {
            more |= self.turn(lane)?;
        }
        let reached = lanes.iter().any(|lane| lane.place.has_reached());
        if reached || !more {
            self.desk.flush()?;
        }
        for lane in lanes.iter_mut().filter(|lane| lane.place.has_reached()) {
            lane.place.target = None;
            self.progress.arrived();
        }
        ControlFlow::Continue(more)
    }

    fn turn(&mut self, lane: &mut Lane) -> ControlFlow<(), bool> {
        let more = self.records(lane);
        // All at once: the readers share the counter.
        lane.place.events.inc_by(std::mem::take(&mut lane.place.taken));
        more
    }

    fn records(&mut self, lane: &mut Lane) -> ControlFlow<(), bool> {
        let now = now_ms();
        for _ in 0..TURN {
            match lane.queue.poll(Duration::ZERO) {
                None => return ControlFlow::Continue(false),
                Some(Ok(message)) => self.take(&mut lane.place, &message, now)?,
                // All was read, though control records may keep `next` from showing it.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    if let Some(target) = &mut lane.place.target {
                        *target = 0;
                    }
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, partition = ?lane.place.partition, "while reading");
                }
            }
        }
        ControlFlow::Continue(true)
    }

    fn stray(&mut self, lanes: &mut [Lane], message: &OwnedMessage) -> ControlFlow<()> {
        let lane = lanes.iter_mut().find(|Lane { place, .. }| {
            place.partition.index == message.partition()
                && *place.partition.topic == *message.topic()
        });
        match lane {
            Some(lane) => self.take(&mut lane.place, message, now_ms()),
            None => ControlFlow::Continue(()),
        }
    }

    fn take(&mut self, place: &mut Place, message: &impl Message, now: i64) -> ControlFlow<()> {
        let record = Record {
            key: message.key(),
            value: message.payload(),
            time: message.timestamp().to_millis(),
        };
        match self.desk.take(place.feed, &record, now) {
            Ok(()) => place.taken += 1,
            Err(reason) => {
                let topic = &*place.partition.topic;
                self.metrics.dead_letters.with_label_values(&[topic, reason.name()]).inc();
                let (partition, offset) = (&place.partition, message.offset());
                let Record { key, value, .. } = record;
                self.letters.send(&Letter { partition, offset, key, value, reason }, &self.stop);
            }
        }
        // Not one by one: compaction and transactions leave gaps.
        let (after, next) = (message.offset() + 1, place.next.load(Ordering::Relaxed));
        if after < next {
            tracing::warn!(partition = ?place.partition, next, offset = after - 1, "offsets went back");
        }
        place.next.store(after, Ordering::Relaxed);
        self.desk.advance(&place.partition, after - next)
    }
}
