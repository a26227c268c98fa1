//! The thread of a connection: sends each pipeline until Redis has taken it.

use crate::engine::RecordTimes;
use crate::metrics::SinkWorkerMetrics;
use crate::service_health::{REDIS, ServiceHealth};
use crate::sinks::redis::audit::{Audit, Expected};
use crate::sinks::redis::dialer::Dialer;
use crate::sinks::redis::encode::Pipeline;
use crate::sinks::redis::lease::Lease;
use crate::sinks::redis::refused::{Again, Refused};
use crate::sinks::redis::rivals;
use crate::sinks::redis::trouble::Trouble;
use crate::wall_clock::now_ms;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use prometheus::local::LocalHistogram;
use redis::RedisResult;
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
/// Each pipeline ends with a marker: a key whose value tells this run and the number of pipelines so
/// far. A marker with another value shows that Redis has lost data, or that someone else writes to it.
pub(super) struct Writer {
    dialer: Dialer,
    connection: Option<redis::Connection>,
    /// How often the master had moved when the connection was made.
    moves: u64,
    lease: Lease,
    /// When the connection has found that the lease is this engine's.
    confirmed: Option<Instant>,
    /// The time without a confirmation after which it is asked for again.
    lasts: Duration,
    marker: String,
    run: String,
    /// The number of pipelines that Redis has taken.
    written: u64,
    /// True once the marker of this run has been seen in Redis.
    is_marked: bool,
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

/// The key of a worker's marker.
pub(super) fn marker(worker: usize) -> String {
    format!("recsys:marker:{worker}")
}

/// Sends a pipeline, and returns its answers. The first one that does not come in time ends it: the client's own way waits
/// for each of the others as long again.
fn answers(
    connection: &mut redis::Connection,
    pipeline: &Pipeline,
) -> RedisResult<Vec<redis::Value>> {
    connection.send_packed_command(pipeline.packed())?;
    let mut answers = Vec::with_capacity(pipeline.answers());
    while answers.len() < pipeline.answers() {
        match connection.recv_response()? {
            // Nobody has asked for it.
            redis::Value::Push { .. } => {}
            answer => answers.push(answer),
        }
    }
    Ok(answers)
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
            connection: None,
            moves: 0,
            lease,
            confirmed: None,
            lasts,
            marker: marker(worker),
            run,
            written: 0,
            is_marked: false,
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
                    // The marker goes last: it shows that Redis has taken everything before it.
                    let after = self.mark(self.written + 1);
                    delivery.pipeline.command(&["GETSET", &self.marker, &after]);
                    while let Err(error) = self.write(&delivery.pipeline) {
                        if self.lease.is_lost() {
                            return self.metrics.connected.set(0);
                        }
                        self.note_failure(&error);
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

    /// A connection that may write.
    ///
    /// # Errors
    /// When Redis does not answer, or the lease is not this engine's.
    fn connect(&mut self) -> RedisResult<&mut redis::Connection> {
        let Some(grant) = self.lease.grant() else {
            return Err(std::io::Error::other("this engine has no lease on Redis").into());
        };
        let confirmed = self.confirmed.map(|confirmed| confirmed.max(grant.confirmed));
        if confirmed.is_none_or(|confirmed| self.lasts <= confirmed.elapsed()) {
            // This process was frozen, or Redis away: another engine may have taken the lease.
            self.connection = None;
        }
        let moves = self.dialer.moves();
        if self.moves != moves {
            // What is written there is lost, whoever takes it.
            self.connection = None;
        }
        if self.connection.is_none() {
            let began = Instant::now();
            self.moves = moves;
            let mut connection = self.dialer.connect()?;
            // To a client that has not logged in Redis ends the connection without a word, unless its
            // commands are short.
            let asked = redis::cmd("GET").arg(&self.marker).query::<redis::Value>(&mut connection);
            if let Err(error) = asked
                && matches!(error.code(), None | Some("NOAUTH"))
            {
                return Err(error);
            }
            // The keeper tells if connections may have no names.
            if let Err(error) =
                rivals::name(&mut connection, grant.fence, &format!("worker-{}", self.index))
                && error.code() != Some("NOPERM")
            {
                return Err(error);
            }
            self.lease.confirm(&mut connection, grant.fence)?;
            self.confirmed = Some(began);
            self.connection = Some(connection);
        }
        self.connection
            .as_mut()
            .ok_or_else(|| redis::RedisError::from(std::io::Error::other("no connection")))
    }

    fn write(&mut self, pipeline: &Pipeline) -> RedisResult<()> {
        let (before, after) = (self.mark(self.written), self.mark(self.written + 1));
        let connection = self.connect()?;
        let replies = answers(connection, pipeline)?;
        let (mut last, mut differences) = (None, Vec::new());
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
                None => last = self.judge(pipeline, answer, reply)?,
            }
        }
        let found: Option<String> =
            last.and_then(|value| redis::from_redis_value(value).ok()).flatten();
        self.written += 1;
        self.status.written.store(self.written, Ordering::Release);
        // A pipeline that is sent a second time finds the marker of the first time.
        self.compare(found.as_deref() == Some(&before) || found.as_deref() == Some(&after));
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
    fn judge(
        &mut self,
        pipeline: &Pipeline,
        answer: usize,
        reply: redis::Value,
    ) -> RedisResult<Option<redis::Value>> {
        let error = match reply.extract_error() {
            Ok(redis::Value::Int(fields)) if !pipeline.allows_new(answer, fields) => {
                // An evicted key, for one. There may be many: the counter tells.
                self.replace(pipeline.user(answer));
                return Ok(None);
            }
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        match (error.code(), pipeline.user(answer)) {
            (Some("WRONGTYPE"), user) => {
                // The marker may be no text either: then it is none of ours.
                if let Some(user) = user {
                    tracing::warn!(user, "a profile's key is no hash in Redis; it is replaced");
                }
                self.replace(user);
                Ok(None)
            }
            (Some("NOPERM"), Some(user)) => {
                self.metrics.refused.inc();
                self.status.has_refused.store(true, Ordering::Release);
                if self.refused.add(user, Instant::now()) {
                    tracing::warn!(user, %error, "Redis refuses to have a profile written; it is left");
                }
                Ok(None)
            }
            // A command of the transaction was refused, and judged before.
            (Some("EXECABORT"), None) => Ok(None),
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
        let (marker, expected) = (self.marker.clone(), self.mark(self.written));
        let found: Option<String> = redis::cmd("GET").arg(marker).query(self.connect()?)?;
        if self.is_marked && found.as_deref() != Some(&expected) {
            self.compare(false);
        }
        Ok(())
    }

    /// Takes the outcome of a comparison with the marker in Redis. Before the first pipeline of a run
    /// there is none of its own, which is no loss.
    fn compare(&mut self, is_expected: bool) {
        if !is_expected && std::mem::replace(&mut self.is_marked, true) {
            tracing::warn!("Redis has lost data; all profiles are written anew");
            self.is_marked = false;
            self.status.lost.store(true, Ordering::Release);
        }
        if is_expected {
            self.is_marked = true;
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

    /// The connection is made anew, unless Redis only cannot take more now. One line tells when the
    /// failure begins, or becomes another, and one when it ends.
    fn note_failure(&mut self, error: &redis::RedisError) {
        // After a failover, the address may lead to another server.
        if !matches!(error.code(), Some("OOM" | "NOPERM" | "LOADING")) {
            self.connection = None;
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
