//! The one loop of a worker: take what came, advance all inputs, step, maintain. Nothing in it
//! blocks.

use crate::engine::asking::{Asking, LINGER, SharedTime};
use crate::engine::intake::{Outlet, Unit};
use crate::engine::now;
use crate::engine::pace::Pace;
use crate::engine::question::Question;
use crate::metrics::EngineWorkerMetrics;
use crate::sinks::redis::{Arrivals, Prepared, Sink};
use crossbeam_channel::Receiver;
use dataflows::arrange::closed::Closed;
use dataflows::arrange::measured::Measured;
use dataflows::graph::ViewConfig;
use dataflows::graph::graph;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::inputs::Inputs;
use dataflows::score::model::{Blend, Model};
use dataflows::score::weights::Weights;
use dataflows::time::Time;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use timely::worker::Worker;

/// What a worker's dataflows are built with.
pub(super) struct Fittings {
    pub(super) views: ViewConfig,
    pub(super) redis: Option<Prepared>,
    pub(super) questions: Receiver<Box<dyn Question>>,
    /// The time that the workers of this process ask as of.
    pub(super) as_of: Arc<SharedTime>,
}

/// What a worker is given to run.
pub(super) struct Seat {
    pub(super) outlet: Outlet,
    /// What changes of the model; only the first worker of all is sent any.
    pub(super) changes: Receiver<Change>,
    pub(super) metrics: EngineWorkerMetrics,
    pub(super) epoch_events: usize,
    pub(super) open_epochs: usize,
    pub(super) stop: Arc<AtomicBool>,
    /// The time before which everything is in the state, for whoever waits for it.
    pub(super) closed: Arc<AtomicU64>,
    /// How many epochs the workers of this process have open.
    pub(super) open: Arc<AtomicUsize>,
}

/// A part of the model that changes at run time.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// What each kind of event is worth.
    Weights(Weights),
    /// How the parts of a recommendation's score are mixed.
    Blend(Blend),
}

/// How long a worker with nothing to do sleeps, unless it is woken.
const IDLE: Duration = Duration::from_millis(100);
/// After how long without input time goes on all the same, so that answers tell that they are new.
const BEAT: Duration = Duration::from_secs(1);
/// How many events an epoch has at most while questions come: whoever asks waits for the step that is
/// under way.
const ASKED_EVENTS: usize = 1_000;
/// How many bytes of events are so much that it is no time to rest.
const MUCH: usize = 1 << 20;
/// How often arrangements are measured.
const MEASURE: Duration = Duration::from_secs(1);

/// Runs a worker until it is told to stop.
pub(super) fn run(
    worker: &mut Worker,
    fittings: Fittings,
    seat: Seat,
    measure: &dyn Fn(&str, usize, usize),
) {
    let mut state = State::build(worker, fittings, seat);
    let mut measured = Instant::now();
    // NB: leaving drops the inputs; a worker that kept them would hang for ever.
    while !state.seat.stop.load(Ordering::Acquire) {
        let took = state.take(worker.index(), worker.peers());
        state.asking.take(state.newest());
        let began = Instant::now();
        worker.step_or_park(Some(state.patience()));
        if took {
            state.seat.metrics.step_duration.observe(began.elapsed().as_secs_f64());
        }
        state.maintain();
        state.asking.settle();
        if measured.elapsed() > MEASURE {
            measured = Instant::now();
            state.measure(measure);
        }
    }
}

struct State {
    seat: Seat,
    sink: Option<Sink>,
    inputs: Inputs,
    closed: Closed,
    time: Time,
    open: VecDeque<Time>,
    pace: Pace,
    heard: Rc<Cell<Time>>,
    /// The model that was given to the dataflow last, by the first worker.
    model: Model,
    modelled: Rc<RefCell<VecDeque<(Time, Model)>>>,
    asking: Asking,
    measured: Vec<Measured>,
}

impl State {
    fn build(worker: &mut Worker, fittings: Fittings, seat: Seat) -> State {
        let Fittings { views, redis, questions, as_of } = fittings;
        let dictionaries = SharedDictionaries::default();
        let heard = Rc::new(Cell::new(0));
        let modelled = Rc::new(RefCell::new(VecDeque::new()));
        let (hear, model) = (heard.clone(), modelled.clone());
        let arrivals = redis.is_some().then(Arrivals::default);
        let arrived = arrivals.clone();
        let (mut inputs, views, closed, measured, sink) = worker.dataflow::<Time, _, _>(|scope| {
            let (inputs, outputs) = graph(
                scope,
                views,
                &dictionaries,
                move |time| hear.set(time.max(hear.get())),
                move |time, changed| model.borrow_mut().push_back((time, changed)),
                move |time, block| {
                    if let Some(arrived) = &arrived {
                        arrived.note(time, block.written());
                    }
                },
            );
            let sink = redis.zip(arrivals).map(|(redis, arrivals)| {
                redis.attach(outputs.profile, dictionaries.clone(), arrivals)
            });
            (inputs, outputs.views, outputs.closed, outputs.measured, sink)
        });
        let asking = Asking::build(worker, views, &dictionaries, questions, as_of);
        seat.outlet.bind(std::thread::current());
        let time = now();
        inputs.advance_to(time);
        State {
            seat,
            sink,
            inputs,
            closed,
            time,
            open: VecDeque::new(),
            pace: Pace::new(),
            heard,
            model: Model::default(),
            modelled,
            asking,
            measured,
        }
    }

    /// Puts what waits into the current epoch and opens the next; tells whether anything waited.
    fn take(&mut self, index: usize, peers: usize) -> bool {
        while self.open.front().is_some_and(|time| *time <= self.closed.before()) {
            self.open.pop_front();
            self.seat.open.fetch_sub(1, Ordering::AcqRel);
        }
        // A worker follows the latest epoch that anyone has opened, and what waits goes along.
        let heard = self.heard.get();
        let follows = heard > self.time;
        let mut took = false;
        if self.may_open() && (follows || self.rest().is_none()) {
            took |= self.take_units();
            took |= self.take_changes();
            took |= index == 0 && self.is_due();
        }
        if !took && !follows {
            return false;
        }
        let next = if follows { heard } else { now().max(self.time + 1) };
        if took {
            if peers > 1 && !follows {
                self.inputs.announce.send(next);
            }
            self.open.push_back(next);
            self.seat.open.fetch_add(1, Ordering::AcqRel);
        }
        self.pace = Pace::new();
        self.time = next;
        self.inputs.advance_to(next);
        took
    }

    fn may_open(&self) -> bool {
        self.open.len() < self.seat.open_epochs
    }

    /// How long the worker still rests before it opens an epoch; it does not while much waits.
    fn rest(&self) -> Option<Duration> {
        if self.seat.outlet.held() < MUCH { self.pace.rest() } else { None }
    }

    fn take_units(&mut self) -> bool {
        let mut events = 0;
        let mut took = false;
        let is_asked = self.asking.is_asked();
        let most = self.seat.epoch_events.min(if is_asked { ASKED_EVENTS } else { usize::MAX });
        while events < most {
            let Some(unit) = self.seat.outlet.take() else { break };
            took = true;
            events += unit.events();
            let Unit { blocks, merges, catalogue, advances } = unit;
            for block in blocks {
                self.inputs.blocks.send(block);
            }
            for merge in merges {
                self.inputs.merges.send(merge);
            }
            for row in catalogue {
                self.inputs.rows.send(row);
            }
            for (partition, by) in advances {
                self.inputs.advances.send((partition.name(), by));
            }
        }
        took
    }

    fn take_changes(&mut self) -> bool {
        let mut changed = false;
        while let Ok(change) = self.seat.changes.try_recv() {
            changed = true;
            match change {
                Change::Weights(weights) => self.model.weights = weights,
                Change::Blend(blend) => self.model.blend = blend,
            }
        }
        if changed {
            self.inputs.models.send((self.time, self.model));
        }
        changed
    }

    /// Whether nothing has come in for long.
    fn is_due(&self) -> bool {
        let beat = Time::try_from(BEAT.as_micros()).expect("a beat is short");
        self.open.is_empty() && self.time + beat < now()
    }

    /// The newest time that is complete, as far as any worker of this process knows.
    fn newest(&self) -> Time {
        self.seat.closed.load(Ordering::Acquire).saturating_sub(1)
    }

    /// How long the worker may sleep.
    fn patience(&self) -> Duration {
        let idle = if self.asking.is_behind(self.newest()) { LINGER } else { IDLE };
        if self.may_open() && !self.seat.outlet.is_empty() {
            self.rest().unwrap_or_default().min(idle)
        } else {
            idle
        }
    }

    /// Lets traces merge, feeds the sink, and tells the time before which everything is closed.
    fn maintain(&mut self) {
        let closed = self.closed.before();
        self.measured.iter_mut().for_each(|measured| measured.release(closed));
        self.seat.closed.fetch_max(closed.min(Time::MAX - 1), Ordering::AcqRel);
        if let Some(sink) = &mut self.sink {
            let mut modelled = self.modelled.borrow_mut();
            while modelled.front().is_some_and(|(time, _)| *time < closed) {
                if let Some((_, model)) = modelled.pop_front() {
                    sink.weigh(model.weights);
                }
            }
            sink.flush(closed);
        } else {
            self.modelled.borrow_mut().clear();
        }
    }

    fn measure(&self, measure: &dyn Fn(&str, usize, usize)) {
        let lag = if self.open.is_empty() { 0 } else { now().saturating_sub(self.open[0]) };
        self.seat.metrics.epoch_lag.set(Duration::from_micros(lag).as_secs_f64());
        for measured in &self.measured {
            let (records, batches) = measured.measure();
            measure(measured.name, records, batches);
        }
    }
}
