//! `recsys run`: the composition root. Everything that runs is started here, and ended here.

use super::caught_up::CaughtUp;
use crate::cluster::LossCause;
use crate::config::Config;
use crate::engine::{self, Engine, ModelChange};
use crate::event_log::EventLog;
use crate::http::{Front, Status, serve};
use crate::metrics::{Metrics, SettingMetrics};
use crate::readiness::{Latch, Readiness};
use crate::settings::files::FileStore;
use crate::settings::monitor::Monitor;
use crate::settings::zookeeper::ZooKeeperStore;
use crate::settings::{Setting, Store};
use crate::sinks;
use crate::sources::files::{self, AppendSignal, FileLog};
use crate::sources::kafka::{self, KafkaLog};
use crate::sources::{Positions, Running, WorkerInlets};
use anyhow::{Context, bail};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The time within which this process is told to stop as well, when another one was.
const ALL_STOP: Duration = Duration::from_secs(1);

/// Runs until the process is told to stop, or a part of it ends by itself.
pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.http.listen)
        .with_context(|| format!("http.listen: cannot bind {}", config.http.listen))?;
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::new();
    let caught_up = readiness.latch("events");
    let weighed = readiness.latch("weights");
    let blended = readiness.latch("blend");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("settings")
        .enable_all()
        .build()?;

    let engine = engine::start(config, &metrics, |workers| match &config.redis {
        Some(redis) => Ok(sinks::redis::open(redis, workers, &metrics.sink)?),
        None => Ok(Vec::new()),
    })?;
    // Only now: a process that still waits for the others of its cluster is ended by a signal at once.
    // And not later, as from here on others hear that this process serves.
    let signal = {
        let _runtime = runtime.enter();
        stop_signal()?
    };
    let settings = settings(config, runtime.handle());
    let weights =
        feed(settings.clone(), &metrics.settings.weights, &engine, ModelChange::Weights, weighed);
    let blend =
        feed(settings.clone(), &metrics.settings.blend, &engine, ModelChange::Blend, blended);
    let members = [runtime.spawn(weights), runtime.spawn(blend)];
    let (source, log) = source(config, &metrics, &engine)?;
    let front = Front {
        asker: engine.asker.clone(),
        log,
        settings: settings.clone(),
        metrics: metrics.clone(),
        status: Status {
            readiness,
            started: Instant::now(),
            process: config.process,
            processes: config.processes(),
            workers: config.workers,
        },
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = serve(front, listener, config.http.clone(), async {
        // Dropping the sender stops the front as well as a message does.
        let _ = stopped.await;
    })?;
    tracing::info!(address = %server.address(), workers = config.workers, "serving");

    let ended = runtime.block_on(wait(signal, &engine, &source, caught_up));
    if ended.is_err() {
        // Questions fail at once, instead of waiting for answers that can't come.
        engine.stop();
    }
    drop(stop);
    server.join();
    members.iter().for_each(JoinHandle::abort);
    runtime.block_on(settings.leave());
    // Sources go first: they hold the workers' queues.
    drop(source);
    drop(engine);
    ended
}

/// Waits for a signal; fails when the workers or the source end by themselves, or a peer is lost.
async fn wait(
    signal: impl Future<Output = ()>,
    engine: &Engine,
    source: &Running,
    caught_up: Latch,
) -> anyhow::Result<()> {
    let mut signal = std::pin::pin!(signal);
    let mut lost = std::pin::pin!(engine.lost());
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let progress = source.progress();
    let mut caught_up = CaughtUp::new(caught_up);
    loop {
        tokio::select! {
            () = &mut signal => return Ok(()),
            loss = &mut lost => {
                // When all are told to stop, this one may hear of it a little later than the others.
                if loss.cause == LossCause::Left && timeout(ALL_STOP, &mut signal).await.is_ok() {
                    return Ok(());
                }
                bail!("{loss}; the whole cluster must start again");
            }
            _ = tick.tick() => {
                if !engine.is_alive() {
                    bail!("a worker has ended by itself");
                }
                if !source.is_alive() {
                    bail!("the source has ended");
                }
                caught_up.check(engine, &progress);
            }
        }
    }
}

/// Completes when the process is told to stop: Ctrl-C, or SIGTERM.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn settings(config: &Config, runtime: &tokio::runtime::Handle) -> Arc<dyn Store> {
    match &config.zookeeper {
        Some(zookeeper) => {
            let store = ZooKeeperStore::new(zookeeper, runtime.clone());
            let data =
                format!("{{\"process\":{},\"http\":\"{}\"}}", config.process, config.http.listen);
            store.register(&format!("process-{}", config.process), data.into_bytes());
            Arc::new(store)
        }
        None => Arc::new(FileStore::new(config.files.dir.clone(), runtime.clone())),
    }
}

/// Feeds a setting of the store to the dataflow. Only the first process does.
fn feed<S>(
    store: Arc<dyn Store>,
    metrics: &SettingMetrics,
    engine: &Engine,
    change: fn(S) -> ModelChange,
    latch: Latch,
) -> impl Future<Output = ()> + Send + use<S>
where
    S: Setting + Send + Sync + 'static,
    S::Error: Send,
{
    let monitor = Monitor::<S>::new(store, metrics.clone());
    let apply = engine.changer();
    let mut latch = Some(latch);
    async move {
        // In any other process there is nothing to wait for, and the latch drops.
        let Some(apply) = apply else { return };
        let take = move |value| {
            apply(change(value));
            drop(latch.take());
        };
        monitor.run(take).await;
    }
}

fn source(
    config: &Config,
    metrics: &Metrics,
    engine: &Engine,
) -> anyhow::Result<(Running, Arc<dyn EventLog>)> {
    let workers = WorkerInlets {
        peers: config.peers(),
        first: config.process * config.workers,
        inlets: engine.inlets.clone(),
    };
    let metrics = &metrics.sources;
    let positions = Positions::new();
    let Some(kafka) = &config.kafka else {
        let signal = AppendSignal::default();
        let log = FileLog::open(&config.files.dir, signal.clone()).context("files.dir")?;
        let running = files::start(&config.files.dir, &workers, &positions, metrics, &signal)?;
        return Ok((running, Arc::new(log)));
    };
    let cluster = kafka.into();
    let log = KafkaLog::new(&cluster).context("kafka.properties")?;
    let running = kafka::start(&cluster, &workers, &positions, metrics)?;
    Ok((running, Arc::new(log)))
}
