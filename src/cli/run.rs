//! `recsys run`: the composition root. Everything that runs is started here, and ended here.

use super::caught_up::CaughtUp;
use super::settings::WatchedSettings;
use crate::cluster::LossCause;
use crate::config::Config;
use crate::engine::{self, Engine};
use crate::event_log::EventLog;
use crate::http::{Front, Status, serve};
use crate::metrics::Metrics;
use crate::readiness::{Latch, Readiness};
use crate::sinks;
use crate::sources::files::{self, AppendSignal, FileLog};
use crate::sources::kafka::{self, KafkaLog};
use crate::sources::{Positions, Running, WorkerInlets};
use anyhow::{Context, bail};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The time within which this process is told to stop as well, when another one was.
const ALL_STOP: Duration = Duration::from_secs(1);

/// Binds the address that the front listens on. Nothing may say before that this process serves.
pub(super) fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.http.listen;
    let advice = "set http.listen, or --port of the demo, to another";
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}; {advice}"))
}

/// Runs until the process is told to stop, or a part of it ends by itself.
pub(super) fn run(config: &Config, listener: TcpListener) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::new();
    let caught_up = readiness.latch("events");
    let modelled = readiness.latch("model");
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
    let settings = WatchedSettings::watch(config, runtime.handle(), &engine, &metrics, &readiness);
    let (source, log) = source(config, &metrics, &engine)?;
    let front = Front {
        asker: engine.asker.clone(),
        log,
        settings: settings.store.clone(),
        nodes: settings.status.clone(),
        in_force: engine.in_force(),
        source_health: source.progress().health().clone(),
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

    let ended = runtime.block_on(wait(signal, &engine, &source, caught_up, modelled));
    if ended.is_err() {
        // Questions fail at once, instead of waiting for answers that can't come.
        engine.stop();
    }
    drop(stop);
    server.join();
    runtime.block_on(settings.leave());
    // Sources go first: they hold the workers' queues.
    drop(source);
    drop(engine);
    ended
}

/// Waits for a signal, and opens latches meanwhile. Fails when the workers or the source end by
/// themselves, or a peer is lost.
async fn wait(
    signal: impl Future<Output = ()>,
    engine: &Engine,
    source: &Running,
    caught_up: Latch,
    modelled: Latch,
) -> anyhow::Result<()> {
    let mut signal = std::pin::pin!(signal);
    let mut lost = std::pin::pin!(engine.lost());
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let progress = source.progress();
    let mut caught_up = CaughtUp::new(caught_up);
    let (in_force, mut modelled) = (engine.in_force(), Some(modelled));
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
                // Asked first: a source that cannot go on says why before it ends.
                let is_alive = source.is_alive();
                if let Some(reason) = progress.failure() {
                    bail!("{reason}; the process must start again, and read everything anew");
                }
                if !is_alive {
                    bail!("the source has ended");
                }
                caught_up.check(engine, &progress);
                if in_force.get().is_some() {
                    drop(modelled.take());
                }
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
        let log = FileLog::open(&config.files.dir, signal.clone())
            .with_context(|| format!("files.dir: {}", config.files.dir.display()))?;
        let running = files::start(&config.files.dir, &workers, &positions, metrics, &signal)?;
        return Ok((running, Arc::new(log)));
    };
    let cluster = kafka.into();
    let log = KafkaLog::new(&cluster).context("kafka.properties")?;
    let running = kafka::start(&cluster, &workers, &positions, metrics)?;
    Ok((running, Arc::new(log)))
}
