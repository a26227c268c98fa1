//! Starts the workers of a process, alone or as a part of a cluster.

use crate::cluster::{self, Cluster, Loss};
use crate::config::Config;
use crate::engine::asking::SharedTime;
use crate::engine::clock::now;
use crate::engine::in_force::ModelInForce;
use crate::engine::intake::{Inlet, intake};
use crate::engine::messages::{Announcement, Beginning, Report};
use crate::engine::oldest_hour::OldestHour;
use crate::engine::process_state::ProcessState;
use crate::engine::question::Asker;
use crate::engine::setup::{ModelChange, WorkerInputs, WorkerSlot};
use crate::engine::sink::{SinkError, UnattachedSink};
use crate::engine::storage::Storage;
use crate::engine::timely_setup::{allocators, settings};
use crate::engine::worker::run;
use crate::metrics::Metrics;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use dataflows::graph::{Persistence, ViewConfig};
use dataflows::time::Time;
use dataflows::views::history::Limits;
use prometheus::IntGaugeVec;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use timely::execute::execute_from;

/// What others may hold of the engine before its workers start.
#[derive(Clone, Default)]
pub struct EngineHandles {
    /// The handle to ask questions.
    pub asker: Asker,
    /// The model that the workers score with.
    pub in_force: ModelInForce,
}

/// The workers of this process, at work. Dropping it stops them.
pub struct Engine {
    /// The workers' queues, in the order of the workers.
    pub inlets: Vec<Inlet>,
    changes: Option<Sender<ModelChange>>,
    announce: Option<Sender<Announcement>>,
    report: Sender<Report>,
    heard: Receiver<Report>,
    state: Arc<ProcessState>,
    threads: Vec<Thread>,
    guards: Option<timely::communication::WorkerGuards<()>>,
    cluster: Cluster,
}

/// What this process's workers write to, and begin with.
pub struct Opened {
    /// One for each of the workers, in their order, or none at all.
    pub sinks: Vec<Box<dyn UnattachedSink>>,
    /// How their state outlives them.
    pub storage: Storage,
}

/// The reason why the workers did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This process is not in its cluster.
    #[error(transparent)]
    Cluster(#[from] cluster::ConnectError),
    /// Timely could not make its threads.
    #[error("the workers could not be started: {0}")]
    Timely(String),
    /// A sink or the store could not be opened.
    #[error(transparent)]
    Opening(SinkError),
    /// A worker ended before it began.
    #[error("a worker ended before it began")]
    Died,
}

/// Starts the workers that a configuration asks for, once all processes of the cluster are there.
///
/// Until then `waits` is told again and again which processes are missing. From then on `lost` is told at
/// once of the first that is lost, whatever this process does. The handles work as soon as the workers do.
/// `open` gets the indices of this process's workers and the number of this run, which all processes share, after they
/// have met and before any worker runs.
///
/// # Errors
/// When the cluster does not come together, or a sink or the store can't be opened.
pub fn start(
    config: &Config,
    metrics: &Arc<Metrics>,
    handles: &EngineHandles,
    (waits, lost): (&(dyn Fn(&str) + Sync), impl FnOnce(&Loss) + Send + 'static),
    open: impl FnOnce(Range<usize>, u64) -> Result<Opened, SinkError>,
) -> Result<Engine, StartError> {
    let mut cluster = Cluster::connect(config, waits, lost)?;
    let first = config.process * config.workers;
    let indices = first..first + config.workers;
    let Opened { sinks, storage } =
        open(indices.clone(), cluster.run()).map_err(StartError::Opening)?;
    let mut sinks = sinks.into_iter();
    let Storage { secret, restored, stored } = storage;
    let mut restored = restored.into_iter();
    let persistence = Persistence { captures: stored.is_some(), secret, begun: now() };
    let state = Arc::new(ProcessState::new(handles.in_force.clone()));
    let as_of = Arc::new(SharedTime::default());
    let (change, changes) = unbounded();
    let (announce, announcements) = unbounded();
    let (report, reports) = unbounded();
    let (reported, heard) = unbounded();
    let (mut inlets, mut askers, mut workers) = (Vec::new(), Vec::new(), Vec::new());
    for index in indices {
        let (inlet, outlet) = intake(config.limits.intake_bytes);
        let (ask, questions) = bounded(config.http.max_waiting);
        inlets.push(inlet);
        askers.push(ask);
        let views = ViewConfig { persistence, ..views(config) };
        let inputs = WorkerInputs {
            views,
            sink: sinks.next(),
            questions,
            as_of: as_of.clone(),
            restored: restored.next().unwrap_or_else(crossbeam_channel::never),
            stored: stored.clone(),
        };
        let is_first = index == 0;
        let slot = WorkerSlot {
            outlet,
            changes: if is_first { changes.clone() } else { crossbeam_channel::never() },
            announcements: if is_first {
                announcements.clone()
            } else {
                crossbeam_channel::never()
            },
            // One worker speaks for its process.
            reports: if index == first { reports.clone() } else { crossbeam_channel::never() },
            reported: reported.clone(),
            metrics: metrics.engine.worker(index),
            epoch_records: config.limits.epoch_events,
            open_epochs: config.limits.open_epochs,
            process: state.clone(),
        };
        workers.push(Some((inputs, slot)));
    }
    let workers = Mutex::new(workers);
    let (started, threads) = bounded(config.workers);
    let metrics = metrics.clone();
    let (builders, network) =
        allocators(config, cluster.take_wires()).map_err(StartError::Timely)?;
    let settings = settings(config.limits.idle_merge_effort);
    let guards = execute_from(builders, network, settings, move |worker| {
        let taken = workers.lock().ok().and_then(|mut all| all[worker.index() - first].take());
        let (inputs, slot) = taken.expect("each worker takes its own slot, once");
        // The receiver has gone only when the process is ending.
        let _ = started.send((worker.index(), std::thread::current()));
        let label = worker.index().to_string();
        run(worker, inputs, slot, &|name, size, batches| {
            let set = |gauges: &IntGaugeVec, count: usize| {
                let gauge = gauges.with_label_values(&[name, &label]);
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            };
            let engine = &metrics.engine;
            set(&engine.held_records, size.records);
            set(&engine.held_bytes, size.bytes);
            if let Some(batches) = batches {
                set(&engine.arrangement_records, size.records);
                set(&engine.arrangement_batches, batches);
            }
        });
    })
    .map_err(StartError::Timely)?;
    let mut threads: Vec<_> = (0..config.workers)
        .map(|_| threads.recv().map_err(|_| StartError::Died))
        .collect::<Result<_, _>>()?;
    threads.sort_by_key(|(index, _)| *index);
    let threads: Vec<_> = threads.into_iter().map(|(_, thread)| thread).collect();
    let queues = askers.into_iter().zip(threads.iter().cloned()).collect();
    handles.asker.start(queues, first, config.peers());
    let is_first = config.process == 0;
    Ok(Engine {
        inlets,
        changes: is_first.then_some(change),
        announce: is_first.then_some(announce),
        report,
        heard,
        state,
        threads,
        guards: Some(guards),
        cluster,
    })
}

fn views(config: &Config) -> ViewConfig {
    let views = &config.views;
    ViewConfig {
        pairs_days: u16::try_from(views.pairs_days).unwrap_or(u16::MAX),
        grading: config.grading,
        copy_hours: config.limits.dedup_hours,
        stay_hours: views.stay_hours(),
        mode: views.mode,
        limits: Limits {
            paired: views.paired_events,
            kept: views.kept_events,
            horizon: views.horizon_hours(),
        },
        persistence: Persistence::NONE,
    }
}

impl Engine {
    /// Returns a function that gives changes of the model to the dataflow, where they hold from the next
    /// epoch on. Only the first process has one.
    pub fn changer(&self) -> Option<impl Fn(ModelChange) + Clone + Send + use<>> {
        let first = self.threads.first()?.clone();
        self.changes.clone().map(|sender| {
            move |change| {
                // The workers have ended only when the process is ending.
                let _ = sender.send(change);
                first.unpark();
            }
        })
    }

    /// Returns a function that tells all workers something. Only the first process has one.
    pub fn announcer(&self) -> Option<impl Fn(Announcement) + Clone + Send + use<>> {
        let first = self.threads.first()?.clone();
        self.announce.clone().map(|sender| {
            move |announcement| {
                // As above.
                let _ = sender.send(announcement);
                first.unpark();
            }
        })
    }

    /// Returns a function that tells the first process something.
    pub fn reporter(&self) -> impl Fn(Report) + Clone + Send + use<> {
        let (first, sender) = (self.threads.first().cloned(), self.report.clone());
        move |report| {
            // As above.
            let _ = sender.send(report);
            first.iter().for_each(Thread::unpark);
        }
    }

    /// What the first process is told.
    pub fn reports(&self) -> Receiver<Report> {
        self.heard.clone()
    }

    /// Where reading goes on from what the views began with, once they have it.
    pub fn begun(&self) -> Option<&Beginning> {
        self.state.begun()
    }

    /// Whether all processes have caught up.
    pub fn has_caught_up(&self) -> bool {
        self.state.may_write()
    }

    /// The records that processes have lost, each for a person.
    pub fn lost_records(&self) -> BTreeMap<usize, String> {
        self.state.lost()
    }

    /// Whether the first process has said that the cluster ends.
    pub fn has_ended(&self) -> bool {
        self.state.has_ended()
    }

    /// The model that the workers score with.
    pub fn in_force(&self) -> ModelInForce {
        self.state.in_force.clone()
    }

    /// The logical time before which everything is in the views.
    pub fn closed(&self) -> Time {
        self.state.closed()
    }

    /// The logical time before which all input is that has left the workers' queues.
    pub fn opened(&self) -> Time {
        self.state.opened()
    }

    /// The hour before which no record of any process is left to read.
    pub fn oldest(&self) -> OldestHour {
        self.state.oldest.clone()
    }

    /// True while all workers run.
    pub fn is_alive(&self) -> bool {
        let guards = self.guards.as_ref();
        guards.is_some_and(|guards| guards.guards().iter().all(|guard| !guard.is_finished()))
    }

    /// Completes when another process of the cluster is lost. This one can't go on then.
    pub fn lost(&self) -> impl Future<Output = Loss> + Send + 'static {
        self.cluster.lost()
    }

    /// Tells the workers to stop. Questions that come later get no answer.
    pub fn stop(&self) {
        self.state.stop();
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
            // Timely's threads wait for those of all processes, of which some may be gone. They hold
            // nothing that must be saved, so they may end with the process.
            std::mem::forget(guards);
        }
    }
}
