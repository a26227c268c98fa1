//! One connection a worker, on a thread of its own: sends a pipeline until Redis has taken it.

use super::RecordTimes;
use super::encode::Pipeline;
use crate::config;
use crate::metrics::SinkWorkerMetrics;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use prometheus::local::LocalHistogram;
use redis::{Client, ConnectionLike, RedisResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often an idle connection makes sure that Redis still has what was written.
const CHECK: Duration = Duration::from_secs(1);
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// How many pipelines may be under way: the next is made while Redis works on one.
const IN_FLIGHT: usize = 2;

/// Whether Redis holds nothing at all. One that does not answer may hold anything.
pub fn is_blank(config: &config::RedisConfig) -> bool {
    let keys = || -> RedisResult<u64> {
        let client = Client::open(config.url.expose())?;
        let mut connection = client.get_connection_with_timeout(config.timeout)?;
        connection.set_read_timeout(Some(config.timeout))?;
        redis::cmd("DBSIZE").query(&mut connection)
    };
    keys().is_ok_and(|keys| keys == 0)
}

struct Batch {
    pipeline: Pipeline,
    records: RecordTimes,
    worker: Thread,
}

struct Shared {
    in_flight: AtomicUsize,
    lost: AtomicBool,
    gone: AtomicBool,
}

/// The worker's end.
pub(super) struct Connection {
    sender: Sender<Batch>,
    /// Buffers that Redis has taken all of: the next pipelines are written into them.
    spare: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
}

impl Connection {
    pub(super) fn open(
        config: &config::RedisConfig,
        worker: usize,
        metrics: SinkWorkerMetrics,
    ) -> RedisResult<Connection> {
        let client = Client::open(config.url.expose())?;
        let (sender, receiver) = bounded(IN_FLIGHT);
        let (give_back, spare) = bounded(IN_FLIGHT);
        let shared = Arc::new(Shared {
            in_flight: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        });
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let writer = Writer {
            client,
            connection: None,
            timeout: config.timeout,
            key: format!("recsys:marker:{worker}"),
            run: format!("{}-{}", std::process::id(), started.as_nanos()),
            written: 0,
            marked: false,
            away: false,
            shared: shared.clone(),
            spare: give_back,
            freshness: metrics.freshness.local(),
            metrics,
        };
        std::thread::Builder::new()
            .name(format!("redis-{worker}"))
            .spawn(move || writer.run(&receiver))?;
        Ok(Connection { sender, spare, shared })
    }

    /// Whether another pipeline may be sent.
    pub(super) fn is_free(&self) -> bool {
        self.shared.in_flight.load(Ordering::Acquire) < IN_FLIGHT
    }

    /// A buffer for the next pipeline.
    pub(super) fn spare(&self) -> Vec<u8> {
        self.spare.try_recv().unwrap_or_default()
    }

    /// Whether Redis has lost what was written since this was asked last.
    pub(super) fn take_lost(&self) -> bool {
        self.shared.lost.swap(false, Ordering::AcqRel)
    }

    /// Sends a pipeline; the worker is woken when Redis has taken it.
    pub(super) fn send(&self, pipeline: Pipeline, records: RecordTimes) {
        self.shared.in_flight.fetch_add(1, Ordering::AcqRel);
        // The thread ends only after this end is dropped.
        let _ = self.sender.send(Batch { pipeline, records, worker: std::thread::current() });
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Release);
    }
}

struct Writer {
    client: Client,
    connection: Option<redis::Connection>,
    timeout: Duration,
    /// The marker's key. Its value tells the run and the pipeline that wrote it last: another value
    /// than ours says that Redis lost data, or has been written by someone else.
    key: String,
    run: String,
    written: u64,
    marked: bool,
    away: bool,
    shared: Arc<Shared>,
    spare: Sender<Vec<u8>>,
    metrics: SinkWorkerMetrics,
    freshness: LocalHistogram,
}

impl Writer {
    fn run(mut self, batches: &Receiver<Batch>) {
        loop {
            match batches.recv_timeout(CHECK) {
                Ok(mut batch) => {
                    let began = Instant::now();
                    // The mark goes last: it tells that all before it was taken.
                    let after = self.mark(self.written + 1);
                    batch.pipeline.command(&["GETSET", &self.key, &after]);
                    while let Err(error) = self.write(&batch.pipeline) {
                        self.failed(&error);
                        if self.shared.gone.load(Ordering::Acquire) {
                            return;
                        }
                        std::thread::park_timeout(RETRY);
                    }
                    self.took(batch, began);
                }
                Err(RecvTimeoutError::Timeout) => match self.check() {
                    Ok(()) => self.metrics.connected.set(1),
                    Err(error) => self.failed(&error),
                },
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn connect(&mut self) -> RedisResult<&mut redis::Connection> {
        if self.connection.is_none() {
            let connection = self.client.get_connection_with_timeout(self.timeout)?;
            connection.set_read_timeout(Some(self.timeout))?;
            connection.set_write_timeout(Some(self.timeout))?;
            self.connection = Some(connection);
            if std::mem::take(&mut self.away) {
                tracing::info!("Redis is back");
            }
        }
        self.connection
            .as_mut()
            .ok_or_else(|| redis::RedisError::from(std::io::Error::other("no connection")))
    }

    fn write(&mut self, pipeline: &Pipeline) -> RedisResult<()> {
        let (before, after) = (self.mark(self.written), self.mark(self.written + 1));
        let connection = self.connect()?;
        let replies = connection.req_packed_commands(pipeline.packed(), 0, pipeline.answers())?;
        let mut last = None;
        for reply in replies {
            last = Some(reply.extract_error()?);
        }
        let found: Option<String> =
            last.and_then(|value| redis::from_redis_value(value).ok()).flatten();
        self.written += 1;
        // A pipeline that was sent twice finds the mark that its first sending left.
        let ours = found.as_deref() == Some(&before) || found.as_deref() == Some(&after);
        self.verdict(ours);
        Ok(())
    }

    fn check(&mut self) -> RedisResult<()> {
        let (key, expected) = (self.key.clone(), self.mark(self.written));
        let found: Option<String> = redis::cmd("GET").arg(key).query(self.connect()?)?;
        if self.marked && found.as_deref() != Some(&expected) {
            self.verdict(false);
        }
        Ok(())
    }

    /// The first mark of a run finds none of its own: nothing is lost by that.
    fn verdict(&mut self, ours: bool) {
        if !ours && std::mem::replace(&mut self.marked, true) {
            tracing::warn!("Redis has lost data; all profiles are written anew");
            self.marked = false;
            self.shared.lost.store(true, Ordering::Release);
        }
        if ours {
            self.marked = true;
        }
    }

    fn mark(&self, written: u64) -> String {
        format!("{}:{written}", self.run)
    }

    fn failed(&mut self, error: &redis::RedisError) {
        self.connection = None;
        self.metrics.connected.set(0);
        self.metrics.errors.inc();
        if !std::mem::replace(&mut self.away, true) {
            tracing::warn!(%error, "Redis does not take profiles; they wait");
        }
    }

    fn took(&mut self, batch: Batch, began: Instant) {
        self.metrics.connected.set(1);
        self.metrics.flush.observe(began.elapsed().as_secs_f64());
        self.metrics.fields.inc_by(batch.pipeline.fields());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        for (time, events) in batch.records {
            let age = Duration::from_millis(u64::try_from(now - time).unwrap_or(0)).as_secs_f64();
            for _ in 0..events {
                self.freshness.observe(age);
            }
        }
        self.freshness.flush();
        // The worker takes what comes back before it makes another: there is room.
        let _ = self.spare.try_send(batch.pipeline.into_packed());
        self.shared.in_flight.fetch_sub(1, Ordering::AcqRel);
        batch.worker.unpark();
    }
}
