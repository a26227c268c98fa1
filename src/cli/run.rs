//! `recsys run`: the composition root. Everything that runs is started here, and ended here.

use super::caught_up::CaughtUp;
use super::descriptors;
use super::failure::{PeerLost, Unwritable};
use super::files::{check_certificates, receipt_key};
use super::memory::MemoryWatch;
use super::modelled::Modelled;
use super::settings::{SettingsStores, WatchedSettings};
use super::stop::{Alone, end_at_once, stop_signal, told_to_stop};
use super::supervisor::Supervisor;
use crate::cluster::LossCause;
use crate::config::Config;
use crate::engine::question::Asker;
use crate::engine::{self, Engine, EngineHandles};
use crate::event_log::EventLog;
use crate::http::{Front, Status, serve};
use crate::metrics::Metrics;
use crate::readiness::{Latch, Readiness};
use crate::settings::zookeeper::Membership;
use crate::sinks;
use crate::sources::files::{self, AppendSignal, FileLog};
use crate::sources::kafka::{self, KafkaCluster, KafkaLog};
use crate::sources::{Positions, Running, SourcePause, SourceProgress, WorkerInlets};
use anyhow::{Context, bail};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// The time within which the process ends once it is told to stop, whoever does not answer: supervisors
/// wait for ten seconds.
const END: Duration = Duration::from_secs(9);
/// The time that the source has to end in any case.
const SOURCE_END: Duration = Duration::from_secs(1);
/// The time within which this process is told to stop as well, when another one was.
const ALL_STOP: Duration = Duration::from_secs(1);

/// Binds the address that the front listens on. Nothing may say before that this process serves.
pub(super) fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.http.listen;
    let advice = "set http.listen, or --port of the demo, to another";
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}; {advice}"))
}

/// Runs until the process is told to stop, or a part of it ends by itself. Calls `read_again` at SIGHUP.
pub(super) fn run(
    config: &Config,
    listener: TcpListener,
    read_again: &dyn Fn(),
) -> anyhow::Result<()> {
    config.redis.as_ref().map_or(Ok(()), check_certificates)?;
    let receipt_key = receipt_key(&config.receipts)?.map(Arc::new);
    let started = Instant::now();
    descriptors::raise_limit();
    let metrics = Arc::new(Metrics::new());
    metrics.process.watch_disk(&config.files.dir);
    metrics.process.processes.set(i64::try_from(config.processes()).unwrap_or(i64::MAX));
    let readiness = Readiness::new();
    let caught_up = readiness.latch("events");
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
        status: Status {
            readiness: readiness.clone(),
            started,
            process: config.process,
            processes: config.processes(),
            workers: config.workers,
        },
    };
    // Nothing must be saved before the workers run: until then a signal ends the process at once.
    let waiting = {
        let _runtime = runtime.enter();
        runtime.spawn(end_at_once(started, told_to_stop()?))
    };
    // Health is answered from here on, whatever is missing.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = serve(front, listener, config.http.clone(), async {
        // Dropping the sender stops the front as well as a message does.
        let _ = stopped.await;
    })?;
    if let Some(supervisor) = Supervisor::of(|name| std::env::var_os(name)) {
        runtime.spawn(supervisor.tell());
    }
    let peers = readiness.latch("processes");
    let waits = |missing: &str| peers.tell(missing);
    let alone = Alone::default();
    let lost = alone.guard(&config.log);
    let engine =
        engine::start(config, &metrics, &handles, (&waits, lost), |workers| match &config.redis {
            Some(redis) => {
                // It is asked for a while, should it not answer.
                let asked = readiness.latch("sink");
                asked.tell(format!("Redis at {} is asked whether it is empty", redis.shown_url()));
                Ok(sinks::redis::open(redis, workers, &metrics.sink, &health)?)
            }
            None => Ok(Vec::new()),
        })?;
    drop(peers);
    let stop_signal = {
        let _runtime = runtime.enter();
        stop_signal(hangup, read_again)?
    };
    waiting.abort();
    let settings =
        WatchedSettings::watch(config, runtime.handle(), stores, &engine, &metrics, &readiness);
    let pause = SourcePause::default();
    let memory = MemoryWatch::new(&config.limits, pause.clone());
    let source = topics.read(config, &metrics, (&engine, pause), &handles.asker, progress)?;
    tracing::info!(address = %server.address(), workers = config.workers, "serving");

    let mut named = Named { settings: &settings, readiness: &readiness, latch: None };
    let mut whole = Whole { readiness: &readiness, latch: None };
    let caught_up = CaughtUp::new(caught_up, topics.unit());
    let modelled = Modelled::new(modelled, settings_status);
    let ended = runtime.block_on(wait(
        stop_signal,
        (&engine, &source),
        (caught_up, modelled, memory),
        (&mut named, &mut whole),
    ));
    if !ended.as_ref().is_err_and(|error| error.is::<PeerLost>()) {
        // Others are told to stop as well, or go because this one does.
        alone.is_meant();
    }
    let stopping = Instant::now();
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
    runtime.block_on(async {
        // Sources go before the engine: they hold the workers' queues.
        let source = tokio::task::spawn_blocking(move || source.stop(deadline));
        settings.leave().await;
        // It fails only when stopping panics, which has been logged.
        let _ = source.await;
    });
    drop(engine);
    tracing::info!(took = ?stopping.elapsed(), "stopped");
    alone.is_meant();
    ended.map(drop)
}

/// Waits for a signal, whose name it returns, and opens latches meanwhile. Fails when the workers or the
/// source end by themselves, a peer is lost, or the process has too much memory.
async fn wait(
    signal: impl Future<Output = &'static str>,
    (engine, source): (&Engine, &Running),
    (mut caught_up, mut modelled, mut memory): (CaughtUp, Modelled, MemoryWatch),
    (named, whole): (&mut Named<'_>, &mut Whole<'_>),
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
                memory.check()?;
                named.check()?;
                whole.check(&progress);
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

/// Whether all records have been read that were there to be read.
struct Whole<'a> {
    readiness: &'a Readiness,
    latch: Option<Latch>,
}

impl Whole<'_> {
    /// Keeps the process from being ready, to its end, once records are lost and the loss is not accepted.
    fn check(&mut self, progress: &SourceProgress) {
        let lost = progress.health().lost();
        let lost: Vec<_> = lost.iter().filter(|lost| !lost.reads_on).collect();
        if lost.is_empty() {
            return;
        }
        let places: Vec<_> = lost.iter().map(ToString::to_string).collect();
        let latch = || self.readiness.latch("records that are lost");
        self.latch.get_or_insert_with(latch).tell(format!(
            "deleted before they were read: {}; nothing is read on there until the process starts again; with \
             --accept-loss (kafka.accept_loss) it reads on",
            places.join("; ")
        ));
    }
}

/// The topics of the events, before anybody reads them.
enum Topics {
    Kafka(KafkaCluster),
    Files(AppendSignal),
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
        asker: &Asker,
        progress: SourceProgress,
    ) -> anyhow::Result<Running> {
        let workers = WorkerInlets {
            peers: config.peers(),
            first: config.process * config.workers,
            inlets: engine.inlets.clone(),
            oldest: engine.oldest(),
            pause,
            horizon_hours: config.views.horizon_hours(),
        };
        let (metrics, positions) = (&metrics.sources, Positions::new());
        Ok(match self {
            Topics::Files(signal) => {
                files::start(&config.files.dir, &workers, &positions, metrics, signal, progress)?
            }
            Topics::Kafka(cluster) => {
                kafka::start(cluster, (&workers, asker), &positions, metrics, progress)?
            }
        })
    }
}
