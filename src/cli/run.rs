//! `recsys run`: the composition root. Everything that runs is started here, and ended here.

use super::caught_up::CaughtUp;
use super::descriptors;
use super::end::end_in_any_case;
use super::failure::{PeerLost, Unwritable};
use super::files::{check_certificates, doors, receipt_key};
use super::memory::MemoryWatch;
use super::modelled::Modelled;
use super::settings::{SettingsStores, WatchedSettings};
use super::stop::{Alone, ToldToStop, end_at_once, stop_signal};
use super::supervisor::Supervisor;
use crate::cluster::LossCause;
use crate::config::{Admission, Config};
use crate::engine::question::{Answer, Asker};
use crate::engine::{self, Beginning, Engine, EngineHandles, Opened, Report};
use crate::event_log::{EventLog, Partition};
use crate::holder::Holder;
use crate::http::{Front, Status, serve};
use crate::metrics::Metrics;
use crate::persistence::{CheckpointStatus, Known, Persistence, Requests};
use crate::readiness::{CAUGHT_UP, Latch, Readiness};
use crate::settings::zookeeper::Membership;
use crate::sinks;
use crate::sinks::redis::{Lease, Profiles, Tenant};
use crate::sources::files::{self, AppendSignal, FileLog};
use crate::sources::kafka::{self, Covered, KafkaCluster, KafkaLog};
use crate::sources::{Positions, Running, SourcePause, SourceProgress, WorkerInlets};
use anyhow::{Context, bail};
use dataflows::questions::ask::Written;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// The time within which the process ends once it is told to stop, whoever does not answer: supervisors
/// wait for ten seconds.
const END: Duration = Duration::from_secs(9);
/// What is added to it before a part that does not end is left behind.
const GRACE: Duration = Duration::from_millis(700);
/// The time that the source has to end in any case.
const SOURCE_END: Duration = Duration::from_secs(1);
/// The time that Redis has to take the lease back.
const RELEASE: Duration = Duration::from_millis(500);
/// The time that the first process has for the last checkpoint of all, as long as others wait for it.
const LAST: Duration = Duration::from_secs(3);
/// The time that Redis has to take what was written last.
const SEAL: Duration = Duration::from_millis(1_800);
/// The time within which this process is told to stop as well, when another one was.
const ALL_STOP: Duration = Duration::from_secs(1);

/// Binds the address that the front listens on. Nothing may say before that this process serves.
pub(super) fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.http.listen;
    let advice = "set http.listen, or --port of the demo, to another";
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}; {advice}"))
}

/// Runs until the process is told to stop, or a part of it ends by itself. Calls `read_again` at SIGHUP. If it
/// `takes_over`, another engine that writes to the same Redis loses it.
pub(super) fn run(
    config: &Config,
    listener: TcpListener,
    takes_over: bool,
    read_again: &dyn Fn(),
) -> anyhow::Result<()> {
    config.redis.as_ref().map_or(Ok(()), check_certificates)?;
    let receipt_key = receipt_key(&config.receipts)?.map(Arc::new);
    let doors = doors(&config.http)?;
    let started = Instant::now();
    descriptors::raise_limit();
    let metrics = Arc::new(Metrics::new());
    metrics.process.watch_disk(&config.files.dir);
    metrics.process.processes.set(i64::try_from(config.processes()).unwrap_or(i64::MAX));
    let readiness = Readiness::new();
    let caught_up = readiness.latch(CAUGHT_UP);
    let modelled = readiness.latch("model");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("settings")
        .enable_all()
        .build()?;

    // A hangup ends no process, not even one that waits for others.
    let hangup = {
        let _runtime = runtime.enter();
        signal(SignalKind::hangup())?
    };
    let (handles, progress) = (EngineHandles::default(), SourceProgress::default());
    let health = progress.health().services().clone();
    let stores = SettingsStores::open(config, runtime.handle(), &health);
    let settings_status = stores.status.clone();
    let (topics, log) = topics(config, &progress)?;
    let mut persistence = Persistence::open(config)?;
    let (checkpoints, checkpoint_status) = (persistence.requests(), persistence.status());
    let front = Front {
        asker: handles.asker.clone(),
        log,
        settings: stores.store.clone(),
        nodes: stores.status.clone(),
        in_force: handles.in_force.clone(),
        source_health: progress.health().clone(),
        metrics: metrics.clone(),
        horizon_hours: config.views.horizon_hours(),
        receipt_key,
        has_redis: config.redis.is_some(),
        checkpoints: checkpoints.clone(),
        checkpoint_status: checkpoint_status.clone(),
        status: Status {
            readiness: readiness.clone(),
            started,
            process: config.process,
            processes: config.processes(),
            workers: config.workers,
        },
    };
    // Nothing must be saved before the workers run: until then a signal ends the process at once.
    let told_to_stop = ToldToStop::listen(runtime.handle())?;
    let waiting = runtime.spawn(end_at_once(started, told_to_stop.clone()));
    // Health is answered from here on, whatever is missing.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = serve(front, doors, listener, config.http.clone(), async {
        // Dropping the sender stops the front as well as a message does.
        let _ = stopped.await;
    })?;
    if config.http.access.writes == Admission::Anyone && !server.address().ip().is_loopback() {
        tracing::warn!(address = %server.address(), "whoever reaches this may write (http.writes)");
    }
    if let Some(supervisor) = Supervisor::of(|name| std::env::var_os(name)) {
        runtime.spawn(supervisor.tell());
    }
    let peers = readiness.latch("processes");
    let waits = |missing: &str| peers.tell(missing);
    let alone = Alone::default();
    let lost = alone.guard(&config.log);
    let lease = Lease::default();
    let open = |workers: Range<usize>, run| {
        let sinks = match &config.redis {
            Some(redis) => {
                // It is asked for a while, should it not answer, or another engine hold it.
                let asked = readiness.latch("sink");
                asked.tell(format!("Redis at {} is asked who holds it", redis.shown_url()));
                let tenant = Tenant {
                    run,
                    holder: Holder::this(config.process, config.workers, server.address()),
                    processes: config.processes(),
                    workers: workers.clone(),
                    peers: config.peers(),
                    takes_over,
                    asker: handles.asker.clone(),
                };
                let observers = (&metrics.sink, &health);
                sinks::redis::open(redis, &lease, tenant, observers, &|waits| asked.tell(waits))?
            }
            None => Vec::new(),
        };
        Ok(Opened { sinks, storage: persistence.begin(workers)? })
    };
    let started_engine = engine::start(config, &metrics, &handles, (&waits, lost), open);
    let engine = started_engine.map_err(|error| match lease.loss() {
        Some(held) => anyhow::Error::from(held),
        None => error.into(),
    })?;
    drop(peers);
    let letters = progress.clone();
    let letters_are_written = move |patience| letters.letters_are_written(patience);
    let (read, checkpoint_metrics) = (progress.clone(), &metrics.checkpoints);
    let ids = move || read.topics();
    persistence.start(&engine, config, checkpoint_metrics, (letters_are_written, ids))?;
    let restored = readiness.latch("checkpoint");
    let beginning = runtime.block_on(begun(&engine, &restored, &checkpoint_status))?;
    drop(restored);
    // A signal that has come by now is heard below.
    waiting.abort();
    let settings =
        WatchedSettings::watch(config, runtime.handle(), stores, &engine, &metrics, &readiness);
    let pause = SourcePause::default();
    let mut memory = MemoryWatch::new(&config.limits, pause.clone());
    // Before anything is read: what was restored may be too much already.
    memory.check()?;
    let covered = covered(config, checkpoint_status.clone());
    let source = topics.read(
        config,
        &metrics,
        (&engine, pause),
        (&handles.asker, covered),
        (progress, beginning),
    )?;
    tracing::info!(address = %server.address(), workers = config.workers, "serving");

    let mut named = Named { settings: &settings, readiness: &readiness, latch: None };
    let mut whole =
        Whole { readiness: &readiness, latch: None, process: config.process, told: String::new() };
    let caught_up = CaughtUp::new(caught_up, topics.unit(), config.process);
    let modelled = Modelled::new(modelled, settings_status);
    let ended = runtime.block_on(wait(
        stop_signal(told_to_stop, hangup, read_again),
        (&engine, &source),
        (caught_up, modelled, memory),
        (&mut named, &mut whole, &lease),
        &checkpoint_status,
    ));
    if !ended.as_ref().is_err_and(|error| error.is::<PeerLost>()) {
        // Others are told to stop as well, or go because this one does.
        alone.is_meant();
    }
    let stopping = Instant::now();
    end_in_any_case(END + GRACE);
    match &ended {
        Ok(signal) => tracing::info!(signal, ran = ?started.elapsed(), "stopping"),
        // The error is told last, once.
        Err(_) => {
            tracing::info!(ran = ?started.elapsed(), "stopping after an error");
            // Questions fail at once, instead of waiting for answers that can't come.
            engine.stop();
        }
    }
    drop(stop);
    server.join();
    let deadline = (stopping + END).max(Instant::now() + SOURCE_END);
    let has_ended = runtime.block_on(async {
        // Sources go before the engine: they hold the workers' queues.
        let source = tokio::task::spawn_blocking(move || source.stop(deadline));
        settings.leave().await;
        // It fails only when stopping panics, which has been logged.
        source.await.unwrap_or(false)
    });
    if ended.is_ok() && config.checkpoint.url.is_some() {
        let is_stored = last_checkpoint(&engine, &checkpoints, config.process == 0, deadline);
        if is_stored && has_ended && config.redis.is_some() && config.processes() == 1 {
            let patience = deadline.saturating_duration_since(Instant::now()).min(SEAL);
            let written = written(&engine, &handles.asker, &checkpoint_status);
            let written = runtime.block_on(async { timeout(patience, written).await });
            written.ok().flatten().into_iter().for_each(|profiles| lease.seal(profiles));
        }
    }
    drop(engine);
    lease.release(RELEASE);
    tracing::info!(took = ?stopping.elapsed(), "stopped");
    alone.is_meant();
    ended.map(drop)
}

/// Waits until the views have what they begin with. Returns where to read on from.
async fn begun(
    engine: &Engine,
    latch: &Latch,
    checkpoints: &CheckpointStatus,
) -> anyhow::Result<Beginning> {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        if let Some(beginning) = engine.begun().filter(|_| engine.closed() > 0) {
            return Ok(beginning.clone());
        }
        if let Some(reason) = checkpoints.fatal() {
            bail!("{reason}");
        }
        if !engine.is_alive() {
            bail!("a worker has ended by itself");
        }
        let known = checkpoints.known();
        if let Some(number) = known.restored {
            let (read, of) = known.read;
            latch.tell(format!(
                "checkpoint {number} is restored; {} % is read",
                read * 100 / of.max(1)
            ));
        }
        tokio::select! {
            _ = tick.tick() => {}
            loss = engine.lost() => return Err(PeerLost(loss).into()),
        }
    }
}

/// Has what was read up to now stored. Other processes wait until the first one has done so for all, if it was told to
/// stop as well. Returns whether this one has.
fn last_checkpoint(
    engine: &Engine,
    checkpoints: &Requests,
    is_first: bool,
    deadline: Instant,
) -> bool {
    let deadline = if is_first { deadline } else { deadline.min(Instant::now() + LAST) };
    let patience = || deadline.saturating_duration_since(Instant::now());
    if !is_first {
        while !engine.has_ended() && engine.is_alive() && !patience().is_zero() {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        return false;
    }
    let last = checkpoints.last(patience());
    match &last {
        Ok(number) => tracing::info!(number, "the last checkpoint is written"),
        Err(reason) => {
            tracing::warn!(%reason, "the last checkpoint is not written; a start reads on from the one before")
        }
    }
    checkpoints.end();
    last.is_ok()
}

/// The profiles of the newest checkpoint, once Redis has taken all that was read, after the source has ended; `None` if the
/// checkpoint does not have all of that.
async fn written(
    engine: &Engine,
    asker: &Asker,
    checkpoints: &CheckpointStatus,
) -> Option<Profiles> {
    let step = || tokio::time::sleep(Duration::from_millis(20));
    while engine.inlets.iter().any(|inlet| inlet.held() > 0) {
        step().await;
    }
    // What has left the queues is in epochs that count as opened.
    let opened = engine.opened();
    while engine.closed() < opened {
        step().await;
    }
    let Known { positions, profiles, .. } = checkpoints.known();
    let mut since = None;
    loop {
        let Answer { as_of, body } = asker.ask(Written).ok()?.await.ok()?;
        if !body.positions.into_iter().eq(positions.clone()) {
            return None;
        }
        if *since.get_or_insert(as_of) < body.before {
            break;
        }
        step().await;
    }
    let weights = engine.in_force().get()?.model.weights;
    Some(Profiles { positions, digest: profiles?, weights })
}

/// Waits for a signal, whose name it returns, and opens latches meanwhile. Fails when the workers or the
/// source end by themselves, a peer is lost, another engine has taken Redis, or the process has too much memory.
async fn wait(
    signal: impl Future<Output = &'static str>,
    (engine, source): (&Engine, &Running),
    (mut caught_up, mut modelled, mut memory): (CaughtUp, Modelled, MemoryWatch),
    (named, whole, lease): (&mut Named<'_>, &mut Whole<'_>, &Lease),
    checkpoints: &CheckpointStatus,
) -> anyhow::Result<&'static str> {
    let mut signal = std::pin::pin!(signal);
    let mut lost = std::pin::pin!(engine.lost());
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let progress = source.progress();
    loop {
        tokio::select! {
            signal = &mut signal => return Ok(signal),
            loss = &mut lost => {
                // When all are told to stop, this one may hear of it a little later than the others.
                if loss.cause == LossCause::Left
                    && let Ok(signal) = timeout(ALL_STOP, &mut signal).await
                {
                    return Ok(signal);
                }
                return Err(PeerLost(loss).into());
            }
            _ = tick.tick() => {
                if !engine.is_alive() {
                    bail!("a worker has ended by itself");
                }
                // Asked first: a source that cannot go on says why before it ends.
                let is_alive = source.is_alive();
                if let Some(reason) = progress.failure() {
                    bail!("{reason}; the process must start again, and read everything anew");
                }
                if !is_alive {
                    bail!("the source has ended");
                }
                if let Some(reason) = checkpoints.fatal() {
                    bail!("{reason}");
                }
                memory.check()?;
                named.check()?;
                whole.check(&progress, engine);
                if let Some(held) = lease.loss() {
                    return Err(held.into());
                }
                if named.readiness.is_ready() {
                    lease.set_caught_up();
                }
                caught_up.check(engine, &progress);
                modelled.check(engine);
            }
        }
    }
}

/// The name under which this process is a member, as long as another one may have it.
struct Named<'a> {
    settings: &'a WatchedSettings,
    readiness: &'a Readiness,
    latch: Option<Latch>,
}

impl Named<'_> {
    /// Keeps the process from being ready while another one may have its name.
    ///
    /// # Errors
    /// When another one has.
    fn check(&mut self) -> anyhow::Result<()> {
        match self.settings.membership() {
            Membership::Free => self.latch = None,
            Membership::Awaits(holder) => {
                let latch = || self.readiness.latch("its name in ZooKeeper");
                self.latch.get_or_insert_with(latch).tell(holder);
            }
            Membership::Refused(reason) => bail!("{reason}"),
        }
        Ok(())
    }
}

/// Whether all records have been read that were there to be read, by all processes.
struct Whole<'a> {
    readiness: &'a Readiness,
    latch: Option<Latch>,
    process: usize,
    /// What the others were told that this process has lost.
    told: String,
}

impl Whole<'_> {
    /// Keeps all processes from being ready, to their end, once records are lost and the loss is not accepted: what any
    /// of them answers is made of the records of all.
    fn check(&mut self, progress: &SourceProgress, engine: &Engine) {
        let lost = progress.health().lost();
        let places = lost.iter().filter(|lost| !lost.reads_on).map(ToString::to_string);
        let places = places.collect::<Vec<_>>().join("; ");
        if places != self.told {
            engine.reporter()(Report::Lost(self.process, places.clone()));
            self.told = places;
        }
        let mut lost = engine.lost_records();
        if !self.told.is_empty() {
            // At once, whether the others have heard or not.
            lost.insert(self.process, self.told.clone());
        }
        if !lost.is_empty() {
            let latch = || self.readiness.latch("records that are lost");
            self.latch.get_or_insert_with(latch).tell(format!(
                "deleted before they were read: {}; nothing is read on there until all processes start again; with \
                 --accept-loss (kafka.accept_loss) it is read on",
                lost.into_values().collect::<Vec<_>>().join("; ")
            ));
        }
    }
}

/// The topics of the events, before anybody reads them.
enum Topics {
    Kafka(KafkaCluster),
    Files(AppendSignal),
}

/// Tells the positions of the newest checkpoint, in the process that completes them.
fn covered(config: &Config, checkpoints: CheckpointStatus) -> Covered {
    let is_known = config.process == 0 && config.checkpoint.url.is_some();
    Box::new(move || is_known.then(|| checkpoints.known().positions))
}

/// Opens the topics for writing. Nothing of it waits for brokers.
fn topics(
    config: &Config,
    progress: &SourceProgress,
) -> anyhow::Result<(Topics, Arc<dyn EventLog>)> {
    let Some(kafka) = &config.kafka else {
        let signal = AppendSignal::default();
        let log = FileLog::open(&config.files.dir, signal.clone())
            .with_context(|| Unwritable(format!("files.dir, {}", config.files.dir.display())))?;
        return Ok((Topics::Files(signal), Arc::new(log)));
    };
    let cluster = kafka.into();
    let log = KafkaLog::new(&cluster, progress.health()).context("kafka.properties")?;
    Ok((Topics::Kafka(cluster), Arc::new(log)))
}

impl Topics {
    /// What the progress of reading them is counted in.
    fn unit(&self) -> &'static str {
        match self {
            Topics::Kafka(_) => "offsets",
            Topics::Files(_) => "bytes",
        }
    }

    /// Starts to read them.
    fn read(
        &self,
        config: &Config,
        metrics: &Metrics,
        (engine, pause): (&Engine, SourcePause),
        (asker, covered): (&Asker, Covered),
        (progress, beginning): (SourceProgress, Beginning),
    ) -> anyhow::Result<Running> {
        let Beginning { positions, topics, .. } = beginning;
        let positions = positions.iter();
        let named = |(name, next): (&String, &i64)| Some((Partition::of_name(name)?, *next));
        let positions: Positions = positions.filter_map(named).collect();
        let workers = WorkerInlets {
            peers: config.peers(),
            first: config.process * config.workers,
            inlets: engine.inlets.clone(),
            oldest: engine.oldest(),
            pause,
            horizon_hours: config.views.horizon_hours(),
        };
        let metrics = &metrics.sources;
        Ok(match self {
            Topics::Files(signal) => {
                files::start(&config.files.dir, &workers, &positions, metrics, signal, progress)?
            }
            Topics::Kafka(cluster) => kafka::start(
                cluster,
                (&workers, asker),
                (&positions, topics),
                metrics,
                (progress, covered),
            )?,
        })
    }
}
