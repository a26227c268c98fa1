//! Sends what a reader has read to a worker, and holds the reader back while the worker is behind.

use super::record_batch::{Record, RecordBatch};
use super::{Feed, SourcePause, WorkerInlets};
use crate::engine::intake::{Inlet, Refused};
use crate::event_log::Partition;
use crate::metrics::SourceMetrics;
use dataflows::ingest::reading::Reading;
use dataflows::record::reached::Reached;
use parser::Reason;
use prometheus::IntGauge;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The pause before a unit is offered again to a worker whose queue was full.
const RETRY: Duration = Duration::from_millis(1);

/// The time after which a sender that pauses looks whether it may go on.
const PAUSE: Duration = Duration::from_millis(20);

/// Collects records for one worker into a batch and hands full ones to its inlet.
pub(super) struct BatchSender {
    batch: RecordBatch,
    /// The index of the worker among those of all processes.
    worker: usize,
    inlet: Inlet,
    pause: SourcePause,
    paused: IntGauge,
    queue_bytes: IntGauge,
    stop: Arc<AtomicBool>,
}

impl BatchSender {
    /// Makes the sender to `workers.inlets[index]`.
    pub(super) fn new(
        workers: &WorkerInlets,
        index: usize,
        metrics: &SourceMetrics,
        stop: Arc<AtomicBool>,
    ) -> BatchSender {
        let worker = workers.first + index;
        let label = worker.to_string();
        BatchSender {
            batch: RecordBatch::new(workers.peers, workers.horizon_hours),
            worker,
            inlet: workers.inlets[index].clone(),
            pause: workers.pause.clone(),
            paused: metrics.paused.with_label_values(&[&label]),
            queue_bytes: metrics.queue_bytes.with_label_values(&[&label]),
            stop,
        }
    }

    /// Whether the source is to stop reading.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Parses a record and adds it to the batch, or returns why it is a dead letter.
    pub(super) fn take(&mut self, feed: Feed, record: &Record<'_>) -> Result<(), Reason> {
        self.batch.take(feed, record)
    }

    /// Adds how far a partition has been read, if there is anything to tell.
    pub(super) fn reached(&mut self, reached: Option<Reached>) {
        reached.into_iter().for_each(|reached| self.batch.reached(reached));
    }

    /// Says that all partitions were named that the worker reads at first.
    pub(super) fn all_known(&mut self) {
        self.batch.reached(Reading::all_known(self.worker));
    }

    /// Whether the batch is full, so that the next [`BatchSender::advance`] hands it over.
    pub(super) fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    /// Moves a partition's next offset on, and hands a full batch over. Breaks as
    /// [`BatchSender::flush`] does.
    pub(super) fn advance(&mut self, partition: &Partition, by: i64) -> ControlFlow<()> {
        self.batch.advance(partition, by);
        if self.batch.is_full() { self.flush() } else { ControlFlow::Continue(()) }
    }

    /// Hands the batch over, and blocks while the worker's queue is full, or sources are to pause. The calling
    /// reader reads nothing meanwhile, so the backlog stays with the brokers. Breaks when the worker has ended
    /// or the source is to stop.
    pub(super) fn flush(&mut self) -> ControlFlow<()> {
        self.queue_bytes.set(i64::try_from(self.inlet.held()).unwrap_or(i64::MAX));
        if self.batch.is_empty() {
            return ControlFlow::Continue(());
        }
        while self.pause.is_set() {
            if self.stopped() {
                return ControlFlow::Break(());
            }
            self.paused.set(1);
            thread::park_timeout(PAUSE);
        }
        let mut unit = self.batch.finish();
        loop {
            match self.inlet.offer(unit) {
                Ok(()) => {
                    self.paused.set(0);
                    return ControlFlow::Continue(());
                }
                Err(Refused::Closed) => return ControlFlow::Break(()),
                Err(Refused::Full(_)) if self.stopped() => return ControlFlow::Break(()),
                Err(Refused::Full(back)) => {
                    unit = back;
                    self.paused.set(1);
                    thread::park_timeout(RETRY);
                }
            }
        }
    }
}
