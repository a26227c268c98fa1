//! Starts the workers of a process, alone or as a part of a cluster.

use crate::cluster::{self, Cluster, Loss, Wire};
use crate::config::Config;
use crate::engine::asking::SharedTime;
use crate::engine::intake::{Inlet, intake};
use crate::engine::question::Asker;
use crate::engine::worker::{Change, Fittings, Seat, run};
use crate::metrics::Metrics;
use crate::sinks::redis::{Prepared, is_blank};
use crossbeam_channel::{Sender, bounded, unbounded};
use dataflows::graph::ViewConfig;
use dataflows::time::DAY_HOURS;
use dataflows::views::history::Limits;
use differential_dataflow::trace::ExertionLogic;
use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use timely::CommunicationConfig;
use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::{AllocatorBuilder, Hooks};
use timely::execute::execute_from;

/// The workers of this process, at work. Dropping it stops them.
pub struct Engine {
    /// For questions.
    pub asker: Asker,
    /// The workers' queues, in their order.
    pub inlets: Vec<Inlet>,
    changes: Option<Sender<Change>>,
    /// The time before which everything is in the state: microseconds since the Unix epoch.
    pub closed: Arc<AtomicU64>,
    open: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::Thread>,
    guards: Option<timely::communication::WorkerGuards<()>>,
    cluster: Cluster,
}

/// Why the workers did not start.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// This process is not in its cluster.
    #[error(transparent)]
    Cluster(#[from] cluster::ConnectError),
    /// Timely could not make its threads.
    #[error("the workers could not be started: {0}")]
    Timely(String),
    /// The sink could not be made.
    #[error("the Redis sink could not be started")]
    Sink(#[from] redis::RedisError),
    /// A worker ended before it began.
    #[error("a worker ended before it began")]
    Died,
}

/// Starts the workers that a configuration asks for, once all processes of the cluster are there.
///
/// # Errors
/// When the cluster does not come together, or the Redis URL is not one.
pub fn start(config: &Config, metrics: &Arc<Metrics>) -> Result<Engine, Failed> {
    let mut cluster = Cluster::connect(config)?;
    let first = config.process * config.workers;
    let stop = Arc::new(AtomicBool::new(false));
    let closed = Arc::new(AtomicU64::new(0));
    let as_of = Arc::new(SharedTime::default());
    let open = Arc::new(AtomicUsize::new(0));
    let (change, changes) = unbounded();
    let views = views(config);
    // Before any worker has written.
    let blank = config.redis.as_ref().is_some_and(is_blank);
    let (mut inlets, mut questions, mut seats) = (Vec::new(), Vec::new(), Vec::new());
    for index in first..first + config.workers {
        let (inlet, outlet) = intake(config.limits.intake_bytes);
        let (ask, asked) = bounded(config.http.max_waiting);
        let redis = match &config.redis {
            Some(redis) => Some(Prepared::new(redis, index, metrics.sink.worker(index), blank)?),
            None => None,
        };
        inlets.push(inlet);
        questions.push(ask);
        let fittings = Fittings { views, redis, questions: asked, as_of: as_of.clone() };
        let seat = Seat {
            outlet,
            changes: if index == 0 { changes.clone() } else { crossbeam_channel::never() },
            metrics: metrics.engine.worker(index),
            epoch_events: config.limits.epoch_events,
            open_epochs: config.limits.open_epochs,
            stop: stop.clone(),
            closed: closed.clone(),
            open: open.clone(),
        };
        seats.push(Some((fittings, seat)));
    }
    let seats = Mutex::new(seats);
    let (started, threads) = bounded(config.workers);
    let metrics = metrics.clone();
    let (builders, network) = allocators(config, cluster.take_wires()).map_err(Failed::Timely)?;
    let settings = settings(config.limits.idle_merge_effort);
    let guards = execute_from(builders, network, settings, move |worker| {
        let seat = seats.lock().ok().and_then(|mut seats| seats[worker.index() - first].take());
        let (fittings, seat) = seat.expect("each worker takes its own seat, once");
        // The one who waits for it has gone only when the process is ending.
        let _ = started.send((worker.index(), std::thread::current()));
        let label = worker.index().to_string();
        run(worker, fittings, seat, &|name, records, batches| {
            let gauge = |count| i64::try_from(count).unwrap_or(i64::MAX);
            let engine = &metrics.engine;
            engine.arrangement_records.with_label_values(&[name, &label]).set(gauge(records));
            engine.arrangement_batches.with_label_values(&[name, &label]).set(gauge(batches));
        });
    })
    .map_err(Failed::Timely)?;
    let mut threads: Vec<_> = (0..config.workers)
        .map(|_| threads.recv().map_err(|_| Failed::Died))
        .collect::<Result<_, _>>()?;
    threads.sort_by_key(|(index, _)| *index);
    let threads: Vec<_> = threads.into_iter().map(|(_, thread)| thread).collect();
    let queues = questions.into_iter().zip(threads.iter().cloned()).collect();
    let asker = Asker::new(queues, first, config.peers());
    let changes = (config.process == 0).then_some(change);
    Ok(Engine {
        asker,
        inlets,
        changes,
        closed,
        open,
        stop,
        threads,
        guards: Some(guards),
        cluster,
    })
}

/// A worker without input sleeps once the merges under way are done, so many records a step.
///
/// NB: not differential's own idle merging, which goes on until one batch is left: after each small
/// epoch it would merge all of a view anew.
fn settings(idle_merge_effort: usize) -> timely::WorkerConfig {
    let exert: ExertionLogic = Arc::new(move |batches| {
        let merging = batches.iter().any(|&(_, count, _)| count > 1);
        (merging && idle_merge_effort > 0).then_some(idle_merge_effort)
    });
    let mut settings = timely::WorkerConfig::default().idle_spin(Duration::ZERO);
    settings.set("differential/default_exert_logic".into(), exert);
    settings
}

fn views(config: &Config) -> ViewConfig {
    let views = &config.views;
    ViewConfig {
        mode: views.mode,
        limits: Limits {
            paired: views.paired_events,
            kept: views.kept_events,
            horizon: views.horizon_days.saturating_mul(DAY_HOURS),
        },
    }
}

/// How the workers exchange data: over the wires where there are any. With them comes what holds
/// timely's threads for these.
fn allocators(
    config: &Config,
    wires: Vec<Option<Wire>>,
) -> Result<(Vec<AllocatorBuilder>, Box<dyn Any + Send>), String> {
    if wires.is_empty() {
        return match config.workers {
            1 => CommunicationConfig::Thread.try_build(),
            workers => CommunicationConfig::Process(workers).try_build(),
        };
    }
    let (workers, hooks) = (config.workers, Hooks::default());
    let local = ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), None);
    let (builders, network) =
        initialize_networking_from_sockets(local, wires, config.process, workers, hooks)
            .map_err(|error| error.to_string())?;
    Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(network)))
}

impl Engine {
    /// Gives changes of the model to the dataflow, which hold from the next epoch on; none in a
    /// process other than the first.
    pub fn changer(&self) -> Option<impl Fn(Change) + Clone + Send + use<>> {
        let first = self.threads.first()?.clone();
        self.changes.clone().map(|sender| {
            move |change| {
                // The workers end with the process; then nobody needs a model.
                let _ = sender.send(change);
                first.unpark();
            }
        })
    }

    /// Whether no worker has an epoch open.
    pub fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Whether the workers still run.
    pub fn is_alive(&self) -> bool {
        let guards = self.guards.as_ref();
        guards.is_some_and(|guards| guards.guards().iter().all(|guard| !guard.is_finished()))
    }

    /// Completes when another process of the cluster is lost. There is no going on then.
    pub fn lost(&self) -> impl Future<Output = Loss> + Send + 'static {
        self.cluster.lost()
    }

    /// Tells the workers to stop. What is asked of them from then on is not answered.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        for thread in &self.threads {
            thread.unpark();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
        let guards = self.guards.take();
        if self.cluster.is_alone() {
            drop(guards);
        } else {
            // Timely's threads end when those of all processes do, and some may be gone. They hold
            // nothing that must be put away, so they end with the process.
            std::mem::forget(guards);
        }
    }
}
