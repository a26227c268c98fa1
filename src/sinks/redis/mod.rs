//! Profiles to Redis: absolute values, the latest of each key, a user's tags in one `HSET`.
//!
//! The batches sealed since the last flush are kept; when the connection is free, a cursor over
//! them is the sorted, deduplicated set of what has changed, and the trace has the full counts. So
//! what changes while a pipeline is in flight is written once. A user that this run writes for the
//! first time is written whole, in place of what was there, unless Redis was empty.

mod changes;
mod encode;
mod connection;

use crate::config;
use crate::metrics::SinkWorkerMetrics;
use changes::{Changes, Sealed, Sweep};
use connection::Connection;
pub use connection::is_blank;
use dataflows::arrange::reader::Reader;
use dataflows::arrange::view::{View, ViewSpine};
use dataflows::ids::dictionary::Dictionaries;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::score::counts::Counts;
use dataflows::score::weights::Weights;
use dataflows::time::Time;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use encode::{Encoder, Pipeline};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};
use timely::dataflow::operators::core::Inspect;
use timely::progress::frontier::AntichainRef;

/// When records were written (milliseconds), and how many events share it.
type RecordTimes = Vec<(i64, u32)>;

/// When the records of events that have arrived were written, until their profiles are: to tell
/// how fresh those are. Cheap to clone.
#[derive(Clone, Default)]
pub struct Arrivals(Rc<RefCell<VecDeque<(Time, RecordTimes)>>>);

impl Arrivals {
    /// Events of an epoch have come to their users' owner.
    pub fn note(&self, time: Time, written: &[(i64, u32)]) {
        self.0.borrow_mut().push_back((time, written.to_vec()));
    }

    /// Those of the epochs before one, which are no longer held.
    fn take_before(&self, closed: Time) -> RecordTimes {
        let mut arrivals = self.0.borrow_mut();
        let mut taken = RecordTimes::new();
        arrivals.retain(|(time, written)| {
            let closed = *time < closed;
            if closed {
                taken.extend(written);
            }
            !closed
        });
        taken
    }

    /// Makes one of all: nobody needs to know exactly how old what is so old is.
    fn fold(&self) {
        let mut arrivals = self.0.borrow_mut();
        let latest = arrivals.iter().map(|(time, _)| *time).max();
        let written = || arrivals.iter().flat_map(|(_, written)| written);
        let oldest = written().map(|(written, _)| *written).min();
        let events = written().map(|(_, events)| events).sum();
        if let Some((latest, oldest)) = latest.zip(oldest) {
            *arrivals = VecDeque::from([(latest, vec![(oldest, events)])]);
        }
    }
}

/// A connection and how to use it, before there is a profile to write.
pub struct Prepared {
    connection: Connection,
    slice: Duration,
    pipeline_bytes: usize,
    metrics: SinkWorkerMetrics,
    blank: bool,
}

impl Prepared {
    /// A way to Redis that connects, and connects again, by itself. `blank` says that it was
    /// [`is_blank`].
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn new(
        config: &config::RedisConfig,
        worker: usize,
        metrics: SinkWorkerMetrics,
        blank: bool,
    ) -> redis::RedisResult<Prepared> {
        let connection = Connection::open(config, worker, metrics.clone())?;
        let config::RedisConfig { slice, pipeline_bytes, .. } = *config;
        Ok(Prepared { connection, slice, pipeline_bytes, metrics, blank })
    }

    /// Listens to a profile view, while the dataflow is built.
    pub fn attach(
        self,
        profile: View<'_, u32>,
        dictionaries: SharedDictionaries,
        arrivals: Arrivals,
    ) -> Sink {
        let sealed = Rc::new(RefCell::new(Sealed::default()));
        let seal = sealed.clone();
        profile.stream.inspect(move |span| {
            let upper = span.upper().first().copied().unwrap_or(Time::MAX);
            if let Some(batch) = &span.inner {
                seal.borrow_mut().push(upper, batch.clone());
            }
        });
        Sink {
            way: self,
            weights: Weights::default(),
            trace: profile.trace,
            dictionaries,
            sealed,
            changes: None,
            sweep: Sweep::default(),
            ours: Vec::new(),
            encoder: Encoder::default(),
            arrivals,
        }
    }
}

/// Writes a worker's profiles to Redis.
pub struct Sink {
    way: Prepared,
    weights: Weights,
    trace: TraceAgent<ViewSpine<u32>>,
    dictionaries: SharedDictionaries,
    sealed: Rc<RefCell<Sealed>>,
    /// What is on its way out, a slice at a time.
    changes: Option<Changes>,
    sweep: Sweep,
    /// Users whose hash holds what this run wrote and nothing else; that of others may hold
    /// anything.
    ours: Vec<bool>,
    encoder: Encoder,
    arrivals: Arrivals,
}

impl Sink {
    /// Takes new weights: every profile is written anew.
    pub fn weigh(&mut self, weights: Weights) {
        if weights != self.weights {
            self.weights = weights;
            self.sweep.all();
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
            self.way.blank = false;
            self.ours.clear();
            self.sweep.those_not_ours();
        }
        if self.way.connection.is_free() {
            self.write(closed);
        } else if self.sealed.borrow().is_too_much() {
            self.give_up_changes();
        }
        let waiting = self.sealed.borrow().users()
            + self.changes.as_ref().map_or(0, Changes::users)
            + self.sweep.users(self.ours.len());
        self.way.metrics.pending_users.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Redis is away for long: what has changed is not held any longer, but that its users have.
    fn give_up_changes(&mut self) {
        self.way.blank = false;
        for user in self.sealed.borrow_mut().take_users() {
            if let Some(ours) = self.ours.get_mut(user as usize) {
                *ours = false;
            }
        }
        self.sweep.those_not_ours();
        self.arrivals.fold();
    }

    fn write(&mut self, closed: Time) {
        if self.changes.is_none() {
            self.changes = self.sealed.borrow_mut().take(closed);
        }
        if self.changes.is_none() && self.sweep.is_over() {
            return;
        }
        let began = Instant::now();
        let dictionaries = self.dictionaries.borrow();
        self.ours.resize(dictionaries.users.len(), self.way.blank);
        self.encoder.pipeline = Pipeline::reuse(self.way.connection.spare());
        let mut page = Page {
            reader: Reader::new(&mut self.trace),
            weights: self.weights,
            encoder: &mut self.encoder,
        };
        let mut records = RecordTimes::new();
        for written in 1_usize.. {
            // What has changed goes first, so that a sweep keeps nobody waiting.
            if let Some(changes) = &mut self.changes {
                let Some(user) = changes.user() else {
                    let closed = changes.closed();
                    self.changes = None;
                    if !self.sweep.is_behind() {
                        records = self.arrivals.take_before(closed);
                    }
                    continue;
                };
                if std::mem::replace(&mut self.ours[user as usize], true) {
                    page.changed(user, changes, &dictionaries);
                } else {
                    page.whole(user, true, &dictionaries);
                }
                changes.next_user();
            } else {
                let Some(user) = self.sweep.next(&self.ours) else { break };
                let ours = std::mem::replace(&mut self.ours[user as usize], true);
                page.whole(user, !ours, &dictionaries);
            }
            let full = page.encoder.pipeline.packed().len() >= self.way.pipeline_bytes;
            if full || (written.is_multiple_of(32) && began.elapsed() >= self.way.slice) {
                break;
            }
        }
        let pipeline = std::mem::take(&mut self.encoder.pipeline);
        if !pipeline.is_empty() {
            self.way.connection.send(pipeline, records);
        }
    }
}

/// What users' commands are made of.
struct Page<'a> {
    reader: Reader<u32, Counts>,
    weights: Weights,
    encoder: &'a mut Encoder,
}

impl Page<'_> {
    /// Writes the tags of a user that have changed.
    fn changed(&mut self, user: u32, changes: &mut Changes, names: &Dictionaries) {
        self.reader.seek(user);
        changes.tags(|tag| {
            // A tag that is gone from the trace sums up to nothing.
            let counts = self.reader.sum(&tag, Time::MAX).unwrap_or_default();
            self.encoder.tag(names.tags.text(tag), self.weights.score(counts));
        });
        self.encoder.user(names.users.text(user), false);
    }

    /// Writes all of a user's tags.
    fn whole(&mut self, user: u32, replace: bool, names: &Dictionaries) {
        self.reader.seek(user);
        self.reader.each(Time::MAX, |&tag, counts| {
            self.encoder.tag(names.tags.text(tag), self.weights.score(counts));
        });
        self.encoder.user(names.users.text(user), replace);
    }
}
