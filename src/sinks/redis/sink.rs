//! The sink of one worker: writes the profiles that have changed, a slice at a time.
//!
//! The batches since the last flush are kept. When the connection is free, a cursor over them gives the
//! changed users and tags, sorted and without repeats, and the trace gives the full counts. So a tag
//! that changes several times while a pipeline is in flight is written once. A user that this run
//! writes for the first time is written whole, in place of the old hash, unless Redis was empty.

use crate::engine::{Arrivals, Beginning, RecordTimes, Sink, UnattachedSink};
use crate::metrics::SinkWorkerMetrics;
use crate::sinks::redis::audit::Audit;
use crate::sinks::redis::changes::{Changes, Sealed};
use crate::sinks::redis::comparing::{Comparing, Next};
use crate::sinks::redis::connection::Connection;
use crate::sinks::redis::encode::{Encoder, Pipeline, Write};
use crate::sinks::redis::share::Share;
use crate::sinks::redis::sweep::Sweep;
use crate::sinks::redis::waiting::Waiting;
use crate::sinks::redis::writer::Found;
use dataflows::arrange::reader::Reader;
use dataflows::arrange::view::{View, ViewSpine};
use dataflows::held::Size;
use dataflows::ids::dictionary::{Dictionaries, Dictionary, SharedDictionaries};
use dataflows::score::counts::Counts;
use dataflows::score::weights::{Score, Weights};
use dataflows::time::Time;
use differential_dataflow::difference::{Abelian, Semigroup};
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use timely::dataflow::operators::core::Inspect;
use timely::progress::frontier::AntichainRef;

/// A connection and its limits. It becomes a sink when it is attached to profiles.
pub(super) struct RedisOutput {
    pub(super) connection: Connection,
    pub(super) share: Share,
    /// The longest time to encode without a pause.
    pub(super) slice: Duration,
    /// The size of a pipeline.
    pub(super) pipeline_bytes: usize,
    pub(super) metrics: SinkWorkerMetrics,
    /// The most profiles that are compared with Redis a second; 0 for none.
    pub(super) compared_per_second: usize,
}

/// The time without a pipeline after which one without any profile tells how far Redis has taken everything.
const MARK: Duration = Duration::from_secs(1);

impl UnattachedSink for RedisOutput {
    fn attach(
        self: Box<Self>,
        profile: View<'_, u32>,
        dictionaries: SharedDictionaries,
        arrivals: Arrivals,
    ) -> Box<dyn Sink> {
        let sealed = Rc::new(RefCell::new(Sealed::default()));
        let waiting = Rc::new(RefCell::new(Waiting::default()));
        let (seal, wait) = (sealed.clone(), waiting.clone());
        profile.stream.inspect(move |span| {
            let upper = span.upper().first().copied().unwrap_or(Time::MAX);
            if let Some(batch) = &span.inner {
                wait.borrow_mut().changed(batch.keys());
                seal.borrow_mut().push(upper, batch.clone());
            }
        });
        Box::new(RedisSink {
            comparing: Comparing::new(self.compared_per_second),
            output: *self,
            is_blank: None,
            is_sealed: false,
            weights_before: None,
            weights: None,
            trace: profile.trace,
            dictionaries,
            sealed,
            changes: None,
            sweep: Sweep::default(),
            waiting,
            written: Vec::new(),
            generations: Vec::new(),
            encoder: Encoder::default(),
            changed: Vec::new(),
            arrivals,
            sent_before: 0,
            sent: VecDeque::new(),
            sent_at: Instant::now(),
            written_before: 0,
        })
    }
}

/// Writes a worker's profiles to Redis.
struct RedisSink {
    output: RedisOutput,
    /// `None` before the first are known; until then nothing is written.
    weights: Option<Weights>,
    /// The weights of what was written before this run, if that is to be left.
    weights_before: Option<Weights>,
    /// True while it goes by what the seal has said.
    is_sealed: bool,
    trace: TraceAgent<ViewSpine<u32>>,
    dictionaries: SharedDictionaries,
    sealed: Rc<RefCell<Sealed>>,
    /// The changes that are being written, over several slices.
    changes: Option<Changes>,
    sweep: Sweep,
    comparing: Comparing,
    /// True while Redis holds nothing but what this run has written; not known before it may write.
    is_blank: Option<bool>,
    waiting: Rc<RefCell<Waiting>>,
    /// By user, true when the user's hash holds what this run wrote and nothing else.
    written: Vec<bool>,
    /// By user, the generation of the name that was written last; beyond the end, the first.
    generations: Vec<u8>,
    encoder: Encoder,
    /// A buffer for the changed tags of one user.
    changed: Vec<u32>,
    arrivals: Arrivals,
    /// The time before which all changes have been sent.
    sent_before: Time,
    /// The numbers of pipelines that are not acknowledged, each with the time before which all changes are in it and
    /// those before it.
    sent: VecDeque<(u64, Time)>,
    /// When the last one was sent.
    sent_at: Instant,
    /// The time before which all changes have been acknowledged.
    written_before: Time,
}

impl Sink for RedisSink {
    /// What Redis holds by its seal, and the views hold by now, counts as written.
    fn begin(&mut self, beginning: &Beginning) {
        let Some(sealed) = self.output.connection.sealed() else { return };
        let is_same = sealed.positions == beginning.positions
            && Some(&sealed.digest) == beginning.profiles.as_ref();
        if !is_same {
            return;
        }
        tracing::info!("Redis holds the profiles of the checkpoint; they are not written anew");
        self.is_sealed = true;
        self.is_blank = Some(false);
        self.weights_before = Some(sealed.weights);
        self.written = vec![true; self.dictionaries.borrow().users.len()];
        self.sealed.take();
        self.waiting.take();
    }

    /// Takes new weights: every profile is written anew.
    fn set_weights(&mut self, weights: Weights) {
        let before = self.weights.replace(weights).or(self.weights_before.take());
        // With the first weights there is nothing to write anew, unless others were in force when it was written.
        if before.is_some_and(|before| before != weights) {
            self.sweep.start_all();
            self.wait_for_sweep();
        }
    }

    /// Writes one slice of the changes, if the connection is free.
    fn flush(&mut self, closed: Time) {
        // The oldest time that is read: just before that at which the changes end which are being written.
        let as_of = self.changes.as_ref().map_or(closed, Changes::closed).saturating_sub(1);
        let frontier = [as_of];
        self.trace.set_logical_compaction(AntichainRef::new(&frontier));
        self.trace.set_physical_compaction(AntichainRef::new(&frontier));
        let grant = self.output.connection.grant();
        if let Some(grant) = grant {
            self.is_blank.get_or_insert(grant.is_blank);
        }
        // Read first: what is wrong with these pipelines is told before they count as acknowledged.
        let acknowledged = self.output.connection.acknowledged();
        let is_unsealed = self.is_sealed && self.output.connection.sealed().is_none();
        if self.output.connection.take_lost() || is_unsealed {
            self.is_sealed = false;
            // Redis lost its data, or is another one: it holds nothing that this run wrote.
            self.is_blank = Some(false);
            self.written.clear();
            self.sweep.start_unwritten();
            self.wait_for_sweep();
        }
        self.repair();
        if self.sweep.is_over() {
            while let Some((_, before)) = self.sent.pop_front_if(|(sent, _)| *sent <= acknowledged)
            {
                self.written_before = before;
            }
        }
        self.compare(acknowledged);
        if let Some(weights) = self.weights
            && let Some(is_blank) = self.is_blank
            && grant.is_some()
            && self.output.connection.is_free()
        {
            self.write(closed, as_of, weights, is_blank);
        } else if self.sealed.borrow().is_too_much() {
            self.drop_changes();
        }
        let waiting = self.waiting.borrow().users();
        self.output.metrics.pending_users.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.output.connection.settle(self.is_settled());
    }

    fn written_before(&self) -> Time {
        self.written_before
    }

    fn held(&self) -> Size {
        let sealed = self.sealed.borrow().size();
        let by_user = self.waiting.borrow().bytes() + self.written.len() + self.generations.len();
        Size { bytes: sealed.bytes + by_user, ..sealed }
    }
}

impl RedisSink {
    /// Whether Redis has taken all that is known here.
    fn is_settled(&self) -> bool {
        self.weights.is_some()
            && self.sweep.is_over()
            && self.changes.is_none()
            && self.sealed.borrow().is_empty()
            && self.sent.is_empty()
    }

    /// Has users written whole whose key does not hold what was written.
    fn repair(&mut self) {
        let damaged = self.output.connection.take_damaged();
        if damaged.is_empty() {
            return;
        }
        let dictionaries = self.dictionaries.borrow();
        for user in damaged.iter().filter_map(|name| dictionaries.users.id(name)) {
            if let Some(written) = self.written.get_mut(user as usize) {
                *written = false;
            }
        }
        drop(dictionaries);
        self.sweep.start_unwritten();
        self.wait_for_sweep();
    }

    /// Takes what is to be compared, and tells whoever asked for all of it of its end.
    fn compare(&mut self, acknowledged: u64) {
        let (connection, now) = (&self.output.connection, Instant::now());
        if let Some(audit) = connection.take_audit() {
            self.comparing.begin(audit);
        }
        self.comparing.add(connection.take_found());
        if connection.take_refuses_comparing() {
            self.comparing.pause(now);
        }
        self.comparing.tick(now);
        self.comparing.settle(connection.sent(), acknowledged, self.sweep.is_over());
    }

    /// Notes the users that the sweep which has begun is to write. Nothing counts as written before its end.
    fn wait_for_sweep(&mut self) {
        self.sent.clear();
        let is_blank = self.is_blank.unwrap_or(false);
        let is_of_all = !self.sweep.is_behind();
        let mut waiting = self.waiting.borrow_mut();
        // Users are numbered by u32.
        for user in 0..u32::try_from(self.dictionaries.borrow().users.len()).unwrap_or(u32::MAX) {
            let written = self.written.get(user as usize).copied();
            if is_of_all || !written.unwrap_or(is_blank) {
                waiting.sweep(user);
            }
        }
    }

    /// Drops the changes, as Redis or the weights have been away for long; a sweep writes their users later.
    fn drop_changes(&mut self) {
        self.is_blank = Some(false);
        let changes = self.changes.take().into_iter().flat_map(Changes::into_users);
        for user in changes.chain(self.sealed.borrow_mut().take_users()) {
            if let Some(written) = self.written.get_mut(user as usize) {
                *written = false;
            }
        }
        self.sweep.start_unwritten();
        self.wait_for_sweep();
        self.arrivals.fold();
    }

    /// Encodes users as of a time, until the slice or the pipeline is full, and sends them.
    fn write(&mut self, closed: Time, as_of: Time, weights: Weights, is_blank: bool) {
        if self.changes.is_none() {
            self.changes = self.sealed.borrow_mut().take(closed);
            if self.changes.is_none() {
                self.sent_before = closed;
            }
        }
        let is_idle = self.changes.is_none() && self.sweep.is_over();
        let is_mark_due = self.sent_at.elapsed() >= MARK && self.written_before < self.sent_before;
        if is_idle && !is_mark_due && !self.comparing.is_due() {
            return;
        }
        let began = Instant::now();
        let dictionaries = self.dictionaries.borrow();
        let mut waiting = self.waiting.borrow_mut();
        self.written.resize(dictionaries.users.len(), is_blank);
        self.encoder.pipeline = Pipeline::reuse(self.output.connection.spare());
        let mut profiles = ProfileEncoder {
            reader: Reader::new(&mut self.trace),
            as_of,
            weights,
            share: self.output.share,
            dictionaries: &dictionaries,
            encoder: &mut self.encoder,
            changed: &mut self.changed,
        };
        let mut records = RecordTimes::new();
        for users in 1_usize.. {
            // Changes go first: a sweep may take long, and keeps none of them waiting.
            if let Some(changes) = &mut self.changes {
                let Some(user) = changes.user() else {
                    let closed = changes.closed();
                    self.changes = None;
                    self.sent_before = closed;
                    if !self.sweep.is_behind() {
                        records = self.arrivals.take_before(closed);
                    }
                    continue;
                };
                let is_same = is_same_name(&mut self.generations, user, &dictionaries.users);
                let was_written = std::mem::replace(&mut self.written[user as usize], true);
                let was_written = was_written && (is_same || is_blank);
                if was_written {
                    profiles.encode_changes(user, changes);
                } else {
                    profiles.encode_whole(user, Write::Replace);
                }
                waiting.written(user, !was_written);
                changes.next_user();
            } else if let Some(user) = self.sweep.next(&self.written) {
                if self.output.share.has(dictionaries.users.text(user)) {
                    is_same_name(&mut self.generations, user, &dictionaries.users);
                    let was_written = std::mem::replace(&mut self.written[user as usize], true);
                    // Its hash holds these tags, or fewer if Redis has lost some: this writes them again.
                    let update = Write::Update { max_new: u32::MAX };
                    let write = if was_written { update } else { Write::Replace };
                    profiles.encode_whole(user, write);
                }
                waiting.written(user, true);
            } else {
                // All that was sent is as of this time, so that Redis must hold just that.
                match self.comparing.next(&self.written) {
                    Some(Next::User(user, audit)) => profiles.compare(user, audit),
                    Some(Next::Found(found)) => profiles.compare_found(found),
                    None => break,
                }
            }
            let is_full = profiles.encoder.pipeline.size() >= self.output.pipeline_bytes;
            if is_full || (users.is_multiple_of(32) && began.elapsed() >= self.output.slice) {
                break;
            }
        }
        let pipeline = std::mem::take(&mut self.encoder.pipeline);
        if !pipeline.is_empty() || is_mark_due {
            self.output.connection.send(pipeline, records);
            self.sent_at = began;
            if self.sweep.is_over() {
                self.sent.push_back((self.output.connection.sent(), self.sent_before));
            }
        }
    }
}

/// Whether the name of a user's id is that which was written last; from now on it is.
fn is_same_name(generations: &mut Vec<u8>, user: u32, users: &Dictionary) -> bool {
    let (user, generation) = (user as usize, users.generation(user));
    if generations.len() <= user {
        if generation == 0 {
            return true;
        }
        generations.resize(user + 1, 0);
    }
    std::mem::replace(&mut generations[user], generation) == generation
}

/// The profiles of users, on their way into a pipeline.
struct ProfileEncoder<'a> {
    reader: Reader<u32, Counts>,
    as_of: Time,
    weights: Weights,
    share: Share,
    dictionaries: &'a Dictionaries,
    encoder: &'a mut Encoder,
    changed: &'a mut Vec<u32>,
}

impl ProfileEncoder<'_> {
    /// Encodes the tags of a user that have changed.
    ///
    /// Redis answers how many of the fields were new to it. More than we know to be new means that it
    /// has lost the hash. So at least one field must be old, if the user has any.
    fn encode_changes(&mut self, user: u32, changes: &mut Changes) {
        self.reader.seek(user);
        self.changed.clear();
        let (mut fields, mut new) = (0, 0);
        changes.tags(|tag, mut change| {
            // The trace holds nothing of a tag that is gone: its counts are zero.
            let counts = self.reader.sum(&tag, self.as_of).unwrap_or_default();
            let score = self.weights.score(counts);
            change.negate();
            change.plus_equals(&counts);
            let before = self.weights.score(change);
            fields += u32::from(score != Score(0));
            new += u32::from(score != Score(0) && before == Score(0));
            self.changed.push(tag);
            self.encoder.tag(self.dictionaries.tags.text(tag), score);
        });
        if fields == new && 0 < new {
            self.encode_unchanged(user);
        }
        self.encoder.user(self.dictionaries.users.text(user), Write::Update { max_new: new });
    }

    /// Encodes one tag of a user that has a score and has not changed, if there is any.
    fn encode_unchanged(&mut self, user: u32) {
        self.reader.seek(user);
        self.reader.try_each(self.as_of, |tag, counts| {
            let score = self.weights.score(counts);
            if score == Score(0) || self.changed.binary_search(tag).is_ok() {
                return ControlFlow::Continue(());
            }
            self.encoder.tag(self.dictionaries.tags.text(*tag), score);
            ControlFlow::Break(())
        });
    }

    /// Compares the hash of a user of this worker with the profile.
    fn compare(&mut self, user: u32, audit: Option<Arc<Audit>>) {
        let name = self.dictionaries.users.text(user);
        if self.share.has(name) {
            self.tags(user);
            self.encoder.compare(name, audit);
        }
    }

    /// Compares a key that was found with nothing, if it is that of nobody who has a profile.
    fn compare_found(&mut self, Found { user, audit }: Found) {
        let known = str::from_utf8(&user).ok().and_then(|name| self.dictionaries.users.id(name));
        if !known.is_some_and(|user| self.has_profile(user)) {
            let deletes = audit.as_ref().is_none_or(|audit| audit.repairs());
            self.encoder.compare_absent(&user, audit, deletes);
        }
    }

    fn has_profile(&mut self, user: u32) -> bool {
        let mut has = false;
        self.reader.seek(user);
        self.reader.try_each(self.as_of, |_, counts| {
            has = self.weights.score(counts) != Score(0);
            if has { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        has
    }

    /// Encodes all tags of a user.
    fn encode_whole(&mut self, user: u32, write: Write) {
        self.tags(user);
        self.encoder.user(self.dictionaries.users.text(user), write);
    }

    fn tags(&mut self, user: u32) {
        self.reader.seek(user);
        self.reader.each(self.as_of, |&tag, counts| {
            self.encoder.tag(self.dictionaries.tags.text(tag), self.weights.score(counts));
        });
    }
}
