//! The thread of a connection: sends each pipeline until all nodes of Redis have taken what is theirs.

use crate::engine::RecordTimes;
use crate::metrics::SinkWorkerMetrics;
use crate::service_health::{REDIS, ServiceHealth};
use crate::sinks::redis::audit::{Audit, Expected};
use crate::sinks::redis::dialer::Dialer;
use crate::sinks::redis::encode::Pipeline;
use crate::sinks::redis::lease::Lease;
use crate::sinks::redis::nodes::Nodes;
use crate::sinks::redis::refused::{Again, Refused};
use crate::sinks::redis::rivals;
use crate::sinks::redis::topology::{Topology, placed};
use crate::sinks::redis::trouble::Trouble;
use crate::wall_clock::now_ms;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use prometheus::local::LocalHistogram;
use redis::{RedisError, RedisResult, Value};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time after which an idle connection checks that Redis still has its data.
const CHECK: Duration = Duration::from_secs(1);
/// The pause between a failure and the next try.
const RETRY: Duration = Duration::from_millis(200);
/// The time after which it is found out again why the same error comes.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How long slots may be on their way from one node to another before that is told.
const MOVING: Duration = Duration::from_secs(3);

/// What is told of a Redis that lacks what it had acknowledged.
const LOST: &str = "Redis has lost data; all profiles are written anew";

/// What is told of a Redis that does not let the engine compare.
const NOT_COMPARED: &str = "Redis's user may not HGETALL and DEL the keys of profiles, so that these are not compared \
                            with the state: workers.toml lists the rights";

/// A pipeline on its way to Redis.
pub(super) struct Delivery {
    pub(super) pipeline: Pipeline,
    /// The record times of the events that are written once Redis has taken it.
    pub(super) records: RecordTimes,
    /// The worker to wake then.
    pub(super) worker: Thread,
}

/// The state that both ends of a connection share.
#[derive(Default)]
pub(super) struct ConnectionStatus {
    in_flight: AtomicUsize,
    lost: AtomicBool,
    gave_up: AtomicBool,
    /// True while Redis has taken all that the worker knows.
    settled: AtomicBool,
    /// The name of the run in the marker, and the number of pipelines that Redis has taken.
    run: OnceLock<String>,
    written: AtomicU64,
    /// The keys of the markers, once something has been written.
    counters: Mutex<Vec<String>>,
    /// True once Redis has refused to have a key written.
    has_refused: AtomicBool,
    /// Users whose key in Redis does not hold what was written.
    damaged: Mutex<Vec<String>>,
    /// Users whose keys were found, as the keys have them, that this worker is to look at.
    found: Mutex<Vec<Found>>,
    /// True if Redis does not allow to compare, since that was asked last.
    refuses_comparing: AtomicBool,
    /// A comparison of all keys that is asked for.
    audit: Mutex<Option<Arc<Audit>>>,
}

/// A user whose key was found, as the key has it, and the comparison that it was found for.
pub(super) struct Found {
    pub(super) user: Vec<u8>,
    pub(super) audit: Option<Arc<Audit>>,
}

impl ConnectionStatus {
    /// The number of pipelines under way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Counts a pipeline that is sent.
    pub(super) fn sent(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// True when Redis has lost its data since the last call.
    pub(super) fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::AcqRel)
    }

    /// Notes whether Redis has taken all that the worker knows.
    pub(super) fn settle(&self, settled: bool) {
        self.settled.store(settled, Ordering::Release);
    }

    /// Whether Redis has taken all that the worker knows, and nothing is wrong with any of it.
    pub(super) fn is_settled(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        is_set(&self.settled)
            && !is_set(&self.lost)
            && !is_set(&self.has_refused)
            && self.in_flight() == 0
            && damaged.is_empty()
    }

    /// What the marker says in a Redis that has all that it has acknowledged; nothing before the first pipeline.
    pub(super) fn mark(&self) -> Option<String> {
        let written = self.written.load(Ordering::Acquire);
        let run = self.run.get()?;
        (written > 0).then(|| mark(run, written))
    }

    /// The keys of a worker's markers, one on each node.
    pub(super) fn counters(&self, worker: usize, topology: &Topology) -> Vec<String> {
        let known = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !known.is_empty() {
            return known;
        }
        let counter = |node| counter(worker, topology.slot_of(node, &[]));
        (0..topology.masters()).map(counter).collect()
    }

    fn set_counters(&self, keys: Vec<String>) {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The users whose key turned out not to hold what was written, since the last call.
    pub(super) fn take_damaged(&self) -> Vec<String> {
        // A push is whole or has not happened, so a poisoned list is still good.
        std::mem::take(&mut *self.damaged.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add_damaged(&self, user: &str) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).push(user.into());
    }

    /// Has the worker look at the keys of users. Returns how many wait for it.
    pub(super) fn add_found(&self, users: impl IntoIterator<Item = Found>) -> usize {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend(users);
        found.len()
    }

    /// The users whose keys are to be looked at, since the last call.
    pub(super) fn take_found(&self) -> Vec<Found> {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn refuse_comparing(&self) {
        if !self.refuses_comparing.swap(true, Ordering::AcqRel) {
            tracing::warn!("{NOT_COMPARED}");
        }
    }

    /// True if Redis has not allowed to compare since the last call.
    pub(super) fn take_refuses_comparing(&self) -> bool {
        self.refuses_comparing.swap(false, Ordering::AcqRel)
    }

    /// Asks the worker for a comparison of all its keys.
    pub(super) fn ask(&self, audit: Arc<Audit>) {
        *self.audit.lock().unwrap_or_else(PoisonError::into_inner) = Some(audit);
    }

    /// The comparison that was asked for since the last call.
    pub(super) fn take_audit(&self) -> Option<Arc<Audit>> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells the thread that nobody waits for pipelines that Redis does not take.
    pub(super) fn give_up(&self) {
        self.gave_up.store(true, Ordering::Release);
    }
}

/// The thread's end of a connection.
///
/// Each pipeline ends with a marker on each node: a key whose value tells this run and the number of pipelines so
/// far. A marker with another value shows that the node has lost data, or that someone else writes to it.
pub(super) struct Writer {
    dialer: Dialer,
    nodes: Option<Nodes>,
    lease: Lease,
    /// When the connections have found that the lease is this engine's.
    confirmed: Option<Instant>,
    /// The time without a confirmation after which it is asked for again.
    lasts: Duration,
    /// The markers, by node.
    counters: Vec<Counter>,
    /// Slots that a marker had to leave, as they were being moved.
    left: Vec<u16>,
    run: String,
    /// The number of pipelines that Redis has taken.
    written: u64,
    /// The users whose slots had been moved when the pipeline was sent that is under way.
    moved: HashSet<String>,
    /// Why Redis takes nothing now, with the error that told so, and when.
    trouble: Option<(Trouble, String, Instant)>,
    /// The kind of trouble that the log has told of, until Redis takes something.
    told: Option<&'static str>,
    health: ServiceHealth,
    index: usize,
    refused: Refused,
    /// The worker that sends pipelines; none before the first.
    worker: Option<Thread>,
    status: Arc<ConnectionStatus>,
    spare: Sender<Vec<u8>>,
    metrics: SinkWorkerMetrics,
    freshness: LocalHistogram,
}

/// A worker's marker on a node.
struct Counter {
    key: String,
    /// The slot by which it is there, in a cluster.
    slot: Option<u16>,
    /// True once the marker of this run has been seen.
    is_marked: bool,
}

/// The key of a worker's marker, on the node of a slot.
fn counter(worker: usize, slot: Option<u16>) -> String {
    placed(&format!("recsys:marker:{worker}"), slot)
}

/// Whether a node has answered that a slot is, or is about to be, another one's.
fn is_moving(error: &RedisError) -> bool {
    matches!(error.code(), Some("MOVED" | "ASK" | "TRYAGAIN"))
}

/// The value of a marker.
fn mark(run: &str, written: u64) -> String {
    format!("{run}:{written}")
}

impl Writer {
    pub(super) fn new(
        dialer: Dialer,
        (lease, lasts): (Lease, Duration),
        worker: usize,
        (metrics, health): (SinkWorkerMetrics, ServiceHealth),
        status: Arc<ConnectionStatus>,
        spare: Sender<Vec<u8>>,
    ) -> Writer {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run = format!("{}-{}", std::process::id(), started.as_nanos());
        let run = status.run.get_or_init(|| run).clone();
        Writer {
            dialer,
            nodes: None,
            lease,
            confirmed: None,
            lasts,
            counters: Vec::new(),
            left: Vec::new(),
            run,
            written: 0,
            moved: HashSet::new(),
            trouble: None,
            told: None,
            health,
            index: worker,
            refused: Refused::default(),
            worker: None,
            status,
            spare,
            freshness: metrics.freshness.local(),
            metrics,
        }
    }

    /// Writes pipelines until the worker's end is dropped, or the lease is lost.
    pub(super) fn run(mut self, deliveries: &Receiver<Delivery>) {
        loop {
            match deliveries.recv_timeout(CHECK) {
                Ok(mut delivery) => {
                    let began = Instant::now();
                    while let Err(error) = self.write(&mut delivery.pipeline) {
                        if self.lease.is_lost() {
                            return self.metrics.connected.set(0);
                        }
                        if is_moving(&error) && began.elapsed() < MOVING {
                            self.dialer.doubt(&None, &error);
                        } else {
                            self.note_failure(&error);
                        }
                        if self.status.gave_up.load(Ordering::Acquire) {
                            return;
                        }
                        std::thread::park_timeout(RETRY);
                    }
                    self.finish(delivery, began);
                }
                Err(RecvTimeoutError::Timeout) if self.lease.is_lost() => {
                    return self.metrics.connected.set(0);
                }
                // Until the lease is held, its keeper tells what is wrong.
                Err(RecvTimeoutError::Timeout) if self.lease.grant().is_none() => {}
                Err(RecvTimeoutError::Timeout) => match self.check() {
                    Ok(()) => self.note_success(),
                    Err(error) => self.note_failure(&error),
                },
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.try_refused_again();
        }
    }

    /// Connections that may write, to all nodes.
    ///
    /// # Errors
    /// When one does not answer, or the lease is not this engine's.
    fn connect(&mut self) -> RedisResult<&mut Nodes> {
        let Some(grant) = self.lease.grant() else {
            return Err(std::io::Error::other("this engine has no lease on Redis").into());
        };
        let confirmed = self.confirmed.map(|confirmed| confirmed.max(grant.confirmed));
        if confirmed.is_none_or(|confirmed| self.lasts <= confirmed.elapsed()) {
            // This process was frozen, or Redis away: another engine may have taken the lease.
            self.nodes = None;
        }
        // What is written to a node that is none any more is lost, whoever takes it.
        let topology = self.dialer.topology()?;
        let mut nodes = match self.nodes.take() {
            Some(nodes) if nodes.is_whole() && Arc::ptr_eq(nodes.topology(), &topology) => {
                return Ok(self.nodes.insert(nodes));
            }
            Some(nodes) => nodes,
            None => Nodes::new(&self.dialer, topology.clone()),
        };
        let began = Instant::now();
        self.count(&topology);
        nodes.follow(topology);
        if let Err(error) = nodes.connect_all() {
            // Those that are connected have yet to be named: they stay new.
            self.nodes = Some(nodes);
            return Err(error);
        }
        for node in nodes.take_new() {
            self.greet(&mut nodes, node, grant.fence)?;
        }
        self.lease.confirm(&mut nodes.home(), grant.fence)?;
        self.confirmed = Some(began);
        Ok(self.nodes.insert(nodes))
    }

    /// Finds a marker for each node: the one that has a slot of it, or a new one.
    fn count(&mut self, topology: &Topology) {
        let mut known = std::mem::take(&mut self.counters);
        for node in 0..topology.masters() {
            let is_there = |it: &Counter| {
                topology.of_slot(it.slot) == node
                    && !it.slot.is_some_and(|it| self.left.contains(&it))
            };
            if let Some(at) = known.iter().position(is_there) {
                self.counters.push(known.swap_remove(at));
                continue;
            }
            let slot = topology.slot_of(node, &self.left);
            self.counters.push(Counter { key: counter(self.index, slot), slot, is_marked: false });
            if self.written > 0 {
                self.lose("a node has slots of Redis that had none; all profiles are written anew");
            }
        }
        self.status.set_counters(self.counters.iter().map(|it| it.key.clone()).collect());
    }

    /// Begins with a connection: looks whether the node has what it had acknowledged, and names it.
    fn greet(&mut self, nodes: &mut Nodes, node: usize, fence: u64) -> RedisResult<()> {
        // To a client that has not logged in Redis ends the connection without a word, unless its
        // commands are short.
        if let Some(Counter { key, .. }) = self.counters.get(node) {
            match nodes.query::<Value>(node, redis::cmd("GET").arg(key)) {
                Err(error) if matches!(error.code(), None | Some("NOAUTH")) => return Err(error),
                Ok(found) => self.look(node, &found),
                Err(_) => {}
            }
        }
        // The keeper tells if connections may have no names.
        let what = format!("worker-{}", self.index);
        match nodes.on(node, |connection| rivals::name(connection, fence, &what)) {
            Err(error) if error.code() != Some("NOPERM") => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&mut self, pipeline: &mut Pipeline) -> RedisResult<()> {
        let after = self.mark(self.written + 1);
        self.connect()?;
        let Some(nodes) = &mut self.nodes else { return Ok(()) };
        // The marker goes last: it shows that the node has taken everything before it.
        let markers: Vec<_> =
            self.counters.iter().map(|it| ["GETSET", it.key.as_str(), after.as_str()]).collect();
        let mut found = Vec::with_capacity(markers.len());
        let replies = nodes.exchange(pipeline, &markers, |node, answer| found.push((node, answer)));
        // What one of them has lost is to be heard although another one does not answer: the next time its marker is
        // right.
        let judged: Vec<RedisResult<()>> =
            found.into_iter().map(|(node, answer)| self.judge_marker(node, answer)).collect();
        let replies = replies?;
        judged.into_iter().collect::<RedisResult<()>>()?;
        let (mut moved, mut differences) = (None, Vec::new());
        for (answer, reply) in replies.into_iter().enumerate() {
            match pipeline.check(answer) {
                Some(check) => match check.judge(reply.extract_error()) {
                    Ok(difference) => differences.push((check, difference)),
                    Err(error) if error.code() == Some("NOPERM") => {
                        self.status.refuse_comparing();
                        if let Some(audit) = &check.audit {
                            audit.fail(error.to_string());
                        }
                    }
                    Err(error) => return Err(error),
                },
                None => match self.judge(pipeline, answer, reply) {
                    Err(error) if error.code() == Some("MOVED") => {
                        self.moved.extend(pipeline.user(answer).map(str::to_owned));
                        moved = moved.or(Some(error));
                    }
                    judged => judged?,
                },
            }
        }
        if let Some(error) = moved {
            return Err(error);
        }
        self.written += 1;
        self.status.written.store(self.written, Ordering::Release);
        // Whoever has the slot now may lack what was written to it before.
        for user in std::mem::take(&mut self.moved) {
            self.replace(Some(&user));
        }
        for (check, difference) in differences {
            let is_profile = matches!(check.expected, Expected::Profile(_));
            if let Some(difference) = difference.as_ref().filter(|_| check.mends()) {
                self.metrics.mended(difference.kind.name()).inc();
                // A key of nobody has been deleted; any other is written whole.
                if is_profile {
                    self.status.add_damaged(&difference.user);
                }
            }
            self.metrics.compared.inc_by(is_profile.into());
            if let Some(audit) = &check.audit {
                audit.note(is_profile, difference);
            }
        }
        Ok(())
    }

    /// Judges one answer. What is wrong with one key costs its own command alone; any other error is
    /// that of the pipeline.
    fn judge(&mut self, pipeline: &Pipeline, answer: usize, reply: Value) -> RedisResult<()> {
        let error = match reply.extract_error() {
            Ok(Value::Int(fields)) if !pipeline.allows_new(answer, fields) => {
                // An evicted key, for one. There may be many: the counter tells.
                self.replace(pipeline.user(answer));
                return Ok(());
            }
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match (error.code(), pipeline.user(answer)) {
            (Some("WRONGTYPE"), Some(user)) => {
                tracing::warn!(user, "a profile's key is no hash in Redis; it is replaced");
                self.replace(Some(user));
                Ok(())
            }
            (Some("NOPERM"), Some(user)) => {
                self.metrics.refused.inc();
                self.status.has_refused.store(true, Ordering::Release);
                if self.refused.add(user, Instant::now()) {
                    tracing::warn!(user, %error, "Redis refuses to have a profile written; it is left");
                }
                Ok(())
            }
            // A command of the transaction was refused, and judged before.
            (Some("EXECABORT"), None) => Ok(()),
            _ => Err(error),
        }
    }

    /// Has a user written whole.
    fn replace(&self, user: Option<&str>) {
        if let Some(user) = user {
            self.metrics.replaced.inc();
            self.status.add_damaged(user);
        }
    }

    /// Has the users written again whose keys were refused, once it is time.
    fn try_refused_again(&mut self) {
        match self.refused.take_due(Instant::now()) {
            None => return,
            Some(Again::Users(users)) => {
                users.iter().for_each(|user| self.status.add_damaged(user));
            }
            Some(Again::Everybody) => self.status.lost.store(true, Ordering::Release),
        }
        if let Some(worker) = &self.worker {
            worker.unpark();
        }
    }

    fn check(&mut self) -> RedisResult<()> {
        self.connect()?;
        let Some(nodes) = &mut self.nodes else { return Ok(()) };
        let get = |it: &Counter| redis::cmd("GET").arg(&it.key).to_owned();
        let markers = self.counters.iter().enumerate();
        let found: Vec<RedisResult<Value>> =
            markers.map(|(node, it)| nodes.query(node, &get(it))).collect();
        for (node, found) in found.into_iter().enumerate() {
            match found {
                Ok(found) => self.look(node, &found),
                Err(error) if is_moving(&error) => self.leave(node, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Looks at a marker that is read alone. Before the first pipeline of a run there is none of its own, which is no
    /// loss.
    fn look(&mut self, node: usize, found: &Value) {
        if self.counters[node].is_marked && !self.is_expected(found) {
            self.counters[node].is_marked = false;
            self.lose(LOST);
        }
    }

    /// Judges what a node has answered when its marker was set.
    fn judge_marker(&mut self, node: usize, answer: Value) -> RedisResult<()> {
        let (is_expected, is_set) = match answer.extract_error() {
            Ok(found) => (self.is_expected(&found), true),
            // Then it is none of ours. The next pipeline sets it.
            Err(error) if error.code() == Some("WRONGTYPE") => {
                let delete = redis::cmd("DEL").arg(&self.counters[node].key).to_owned();
                if let Some(nodes) = &mut self.nodes {
                    nodes.query::<()>(node, &delete)?;
                }
                (false, false)
            }
            Err(error) => {
                self.leave(node, &error);
                return Err(error);
            }
        };
        if std::mem::replace(&mut self.counters[node].is_marked, is_set) && !is_expected {
            self.lose(LOST);
        }
        Ok(())
    }

    /// Leaves the slot of a marker, if that is being moved.
    fn leave(&mut self, node: usize, error: &RedisError) {
        self.dialer.doubt(&None, error);
        if error.code() == Some("ASK") {
            self.left.extend(self.counters[node].slot);
            self.nodes = None;
        }
    }

    /// Whether a marker says what it must. A pipeline that is sent a second time finds that of the first time.
    fn is_expected(&self, found: &Value) -> bool {
        let found = redis::from_redis_value_ref::<Option<String>>(found).ok().flatten();
        let is = |written| found.as_ref() == Some(&self.mark(written));
        is(self.written) || is(self.written + 1)
    }

    /// Has all profiles written anew.
    fn lose(&self, why: &str) {
        tracing::warn!("{why}");
        self.status.lost.store(true, Ordering::Release);
        if let Some(worker) = &self.worker {
            worker.unpark();
        }
    }

    fn mark(&self, written: u64) -> String {
        mark(&self.run, written)
    }

    fn note_success(&mut self) {
        self.metrics.connected.set(1);
        if self.told.take().is_some() {
            self.trouble = None;
            self.health.works(REDIS, self.index);
            tracing::info!("Redis is back");
        }
    }

    /// Connections that have failed are made anew, and all of them, unless Redis only cannot take more now. One line
    /// tells when the failure begins, or becomes another, and one when it ends.
    fn note_failure(&mut self, error: &RedisError) {
        let goes_on = ["OOM", "NOPERM", "LOADING", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN"];
        if let Some(code) = error.code() {
            // After a failover, the address may lead to another server.
            if !goes_on.contains(&code) {
                self.nodes = None;
            }
            self.dialer.doubt(&None, error);
        }
        self.metrics.connected.set(0);
        let text = error.to_string();
        let known =
            self.trouble.take_if(|(_, known, since)| *known == text && since.elapsed() < ASK_AGAIN);
        let (trouble, since) = match known {
            Some((trouble, _, since)) => (trouble, since),
            None => (self.dialer.trouble(error), Instant::now()),
        };
        self.metrics.errors(trouble.kind).inc();
        if self.told != Some(trouble.kind) {
            self.told = Some(trouble.kind);
            let reason = &trouble.text;
            tracing::warn!(reason, "Redis does not take profiles; they wait");
        }
        self.health.fails(REDIS, self.index, &*trouble.text);
        self.trouble = Some((trouble, text, since));
    }

    /// Measures a pipeline that Redis has taken, gives its buffer back, and wakes the worker.
    fn finish(&mut self, delivery: Delivery, began: Instant) {
        self.note_success();
        if delivery.pipeline.fields() > 0 {
            self.metrics.flush.observe(began.elapsed().as_secs_f64());
        }
        self.metrics.fields.inc_by(delivery.pipeline.fields());
        let now = now_ms();
        for (time, events) in delivery.records {
            let age = Duration::from_millis(u64::try_from(now - time).unwrap_or(0)).as_secs_f64();
            for _ in 0..events {
                self.freshness.observe(age);
            }
        }
        self.freshness.flush();
        // There is room: the worker takes a spare buffer for each pipeline that it sends.
        let _ = self.spare.try_send(delivery.pipeline.into_packed());
        self.status.in_flight.fetch_sub(1, Ordering::AcqRel);
        delivery.worker.unpark();
        self.worker = Some(delivery.worker);
    }
}
