//! Profiles to Redis: absolute values, the latest of each key, a user's tags in one `HSET`.
//!
//! The batches sealed since the last flush are kept; when the connection is free, a cursor over
//! them is the sorted, deduplicated set of what has changed, and the trace has the full counts. So
//! what changes while a pipeline is in flight is written once. A user that this run writes for the
//! first time is written whole, in place of what was there.

mod encode;
mod connection;

use crate::config;
use crate::metrics::WorkerMetrics;
use connection::Connection;
use dataflows::Time;
use dataflows::counts::Counts;
use dataflows::names::SharedVocabulary;
use dataflows::views::{View, ViewSpine};
use dataflows::weights::Weights;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::implementations::Vector;
use differential_dataflow::trace::implementations::ord_neu::OrdValBatch;
use differential_dataflow::trace::{Cursor, Navigable, TraceReader};
use encode::Pipeline;
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};
use timely::dataflow::operators::core::Inspect;
use timely::progress::frontier::AntichainRef;

type Batch = Rc<OrdValBatch<Vector<((u32, u32), Time, Counts)>>>;
/// Record times (milliseconds) with how many events have them.
type RecordTimes = Vec<(i64, u32)>;

/// How many batches are kept before only their users are remembered: while Redis is away, what
/// waits is bounded by users, not by time.
const MOST_BATCHES: usize = 256;

/// A connection and how to use it, before there is a profile to write.
pub struct Prepared {
    connection: Connection,
    slice: Duration,
    pipeline_bytes: usize,
    metrics: WorkerMetrics,
}

impl Prepared {
    /// A way to Redis that connects, and connects again, by itself.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn new(
        config: &config::Redis,
        worker: usize,
        metrics: WorkerMetrics,
        freshness: prometheus::Histogram,
    ) -> redis::RedisResult<Prepared> {
        let connection = Connection::open(config, worker, metrics.clone(), freshness)?;
        let config::Redis { slice, pipeline_bytes, .. } = *config;
        Ok(Prepared { connection, slice, pipeline_bytes, metrics })
    }

    /// Listens to a profile view, while the dataflow is built.
    pub fn attach(self, profile: View<'_, u32>, vocabulary: SharedVocabulary) -> Sink {
        let sealed = Rc::new(RefCell::new(VecDeque::new()));
        let seal = sealed.clone();
        profile.stream.inspect(move |span| {
            let upper = span.upper().first().copied().unwrap_or(Time::MAX);
            let batch = span.inner.clone();
            seal.borrow_mut().extend(batch.map(|batch| (upper, batch)));
        });
        Sink {
            way: self,
            weights: Weights::default(),
            trace: profile.trace,
            vocabulary,
            sealed,
            fresh: Vec::new(),
            dirty: BTreeSet::new(),
            sweep: None,
            came: VecDeque::new(),
        }
    }
}

/// Writes a worker's profiles to Redis.
pub struct Sink {
    way: Prepared,
    weights: Weights,
    trace: TraceAgent<ViewSpine<u32>>,
    vocabulary: SharedVocabulary,
    sealed: Rc<RefCell<VecDeque<(Time, Batch)>>>,
    /// Users whose hash this run has written whole.
    fresh: Vec<bool>,
    /// Users that are to be written.
    dirty: BTreeSet<u32>,
    /// The next user of a sweep over all.
    sweep: Option<u32>,
    came: VecDeque<(Time, RecordTimes)>,
}

impl Sink {
    /// Notes when the records of an epoch were written, to tell how fresh the profiles are.
    pub fn came(&mut self, time: Time, records: RecordTimes) {
        if !records.is_empty() {
            self.came.push_back((time, records));
        }
    }

    /// Takes new weights: every profile is written anew.
    pub fn weigh(&mut self, weights: Weights) {
        if weights != self.weights {
            self.weights = weights;
            self.sweep = Some(0);
        }
    }

    /// Writes what has changed in epochs that have closed, a slice at a time, when the connection
    /// is free.
    pub fn flush(&mut self, closed: Time) {
        let frontier = [closed];
        self.trace.set_logical_compaction(AntichainRef::new(&frontier));
        self.trace.set_physical_compaction(AntichainRef::new(&frontier));
        if self.way.connection.take_lost() {
            // Redis lost its data, or is another: what was written does not count.
            self.fresh.clear();
            self.sweep = Some(0);
        }
        let free = self.way.connection.is_free();
        if free || self.sealed.borrow().len() > MOST_BATCHES {
            self.collect(closed);
        }
        self.way
            .metrics
            .sink_pending_users
            .set(i64::try_from(self.dirty.len()).unwrap_or(i64::MAX));
        if free && (!self.dirty.is_empty() || self.sweep.is_some()) {
            self.write(closed);
        }
    }

    /// Notes the users of the batches whose epochs have closed.
    fn collect(&mut self, closed: Time) {
        let mut sealed = self.sealed.borrow_mut();
        while sealed.front().is_some_and(|(upper, _)| *upper <= closed) {
            let Some((_, batch)) = sealed.pop_front() else { break };
            let mut cursor = batch.cursor();
            while let Some(&user) = cursor.get_key(&batch) {
                self.dirty.insert(user);
                cursor.step_key(&batch);
            }
        }
    }

    fn write(&mut self, closed: Time) {
        let began = Instant::now();
        let mut batches: Vec<Batch> = Vec::new();
        self.trace.map_spans(|span| batches.extend(span.inner.clone()));
        let vocabulary = self.vocabulary.borrow();
        let users = u32::try_from(vocabulary.users.len()).unwrap_or(u32::MAX);
        self.fresh.resize(vocabulary.users.len(), false);
        let mut pipeline = Pipeline::default();
        let mut cursors: Vec<_> = batches.iter().map(|batch| batch.cursor()).collect();
        let mut written = 0_usize;
        loop {
            // What has changed goes first, so that a sweep keeps nobody waiting.
            let user = match self.dirty.pop_first() {
                Some(user) => user,
                None => match &mut self.sweep {
                    Some(next) if *next < users => {
                        *next += 1;
                        *next - 1
                    }
                    _ => {
                        self.sweep = None;
                        break;
                    }
                },
            };
            let tags = encode::profile(&batches, &mut cursors, user);
            let whole = !std::mem::replace(&mut self.fresh[user as usize], true);
            pipeline.user(
                vocabulary.users.text(user),
                whole,
                &tags,
                &vocabulary.tags,
                self.weights,
            );
            written += 1;
            let full = pipeline.bytes() >= self.way.pipeline_bytes;
            if full || (written.is_multiple_of(64) && began.elapsed() >= self.way.slice) {
                break;
            }
        }
        let mut records = RecordTimes::new();
        if self.dirty.is_empty() {
            while self.came.front().is_some_and(|(time, _)| *time < closed) {
                records.extend(self.came.pop_front().into_iter().flat_map(|(_, times)| times));
            }
        }
        if !pipeline.is_empty() {
            self.way.connection.send(pipeline, records);
        }
    }
}
