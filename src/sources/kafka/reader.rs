//! One worker's reader: polls the queues of its partitions, parses on the spot, hands over.

use super::dead_letters::DeadLetters;
use super::queue::{Message, Queue};
use crate::engine::intake::Partition;
use crate::sources::batch::Record;
use crate::sources::desk::Desk;
use crate::sources::{Feed, Letter, Progress, SourceMetrics, now_ms};
use crossbeam_channel::Receiver;
use prometheus::IntCounter;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Message as _, OwnedMessage};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

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
    pub(super) queue: Queue,
}

/// How far a partition has been read.
pub(super) struct Place {
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

impl Place {
    pub(super) fn new(
        partition: Partition,
        feed: Feed,
        next: i64,
        target: Option<i64>,
        metrics: &SourceMetrics,
    ) -> Place {
        let events = metrics.events.with_label_values(&[&*partition.topic]);
        let told = Arc::new(AtomicI64::new(next));
        Place { partition, feed, next, told, target, events, taken: 0 }
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

    fn turn(&mut self, Lane { place, queue }: &mut Lane) -> ControlFlow<(), bool> {
        let now = now_ms();
        let more = queue.batch(|given| match given {
            Ok(message) => self.take(place, &message, now),
            Err(error) => {
                place.note(error);
                ControlFlow::Continue(())
            }
        })?;
        self.tell(place)?;
        ControlFlow::Continue(more)
    }

    fn stray(&mut self, lanes: &mut [Lane], message: &OwnedMessage) -> ControlFlow<()> {
        let lane = lanes.iter_mut().find(|Lane { place, .. }| {
            place.partition.index == message.partition()
                && *place.partition.topic == *message.topic()
        });
        let Some(Lane { place, .. }) = lane else { return ControlFlow::Continue(()) };
        let (key, value) = (message.key(), message.payload());
        let time = message.timestamp().to_millis();
        self.take(place, &Message { offset: message.offset(), key, value, time }, now_ms())?;
        self.tell(place)
    }

    fn take(&mut self, place: &mut Place, message: &Message<'_>, now: i64) -> ControlFlow<()> {
        let &Message { offset, key, value, time } = message;
        match self.desk.take(place.feed, &Record { key, value, time }, now) {
            Ok(()) => place.taken += 1,
            Err(reason) => {
                let topic = &*place.partition.topic;
                self.metrics.dead_letters.with_label_values(&[topic, reason.name()]).inc();
                let partition = &place.partition;
                self.letters.send(&Letter { partition, offset, key, value, reason }, &self.stop);
            }
        }
        if offset < place.next {
            let Place { partition, next, .. } = place;
            tracing::warn!(?partition, next, offset, "offsets went back");
        }
        place.next = offset + 1;
        if self.desk.is_full() { self.tell(place) } else { ControlFlow::Continue(()) }
    }

    /// Tells how far a partition has been read: before what was read of it is handed over, and not
    /// record by record.
    fn tell(&mut self, place: &mut Place) -> ControlFlow<()> {
        // Not how many were read: compaction and transactions leave gaps.
        let by = place.next - place.told.swap(place.next, Ordering::Relaxed);
        place.events.inc_by(std::mem::take(&mut place.taken));
        self.desk.advance(&place.partition, by)
    }
}
