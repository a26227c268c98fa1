//! The one loop of a worker: take what came, advance all inputs, step, maintain. Nothing in it
//! blocks.

use crate::engine::answer::{asks, assemble, partition_name};
use crate::engine::intake::{Outlet, Unit};
use crate::engine::question::{Answer, Asked};
use crate::metrics::WorkerMetrics;
use crate::sinks::redis::{Arrivals, Prepared, Sink};
use crossbeam_channel::Receiver;
use dataflows::Time;
use dataflows::graph::{Choice, Inputs, Measured, graph};
use dataflows::model::{Blend, Model};
use dataflows::names::SharedVocabulary;
use dataflows::questions::{Ask, Found};
use dataflows::weights::Weights;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe;
use timely::worker::Worker;

/// What a worker is given.
pub(super) struct Seat {
    pub(super) outlet: Outlet,
    pub(super) asked: Receiver<Asked>,
    /// What changes of the model; only the first worker of all is sent any.
    pub(super) changes: Receiver<Change>,
    pub(super) redis: Option<Prepared>,
    pub(super) metrics: WorkerMetrics,
    pub(super) choice: Choice,
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

/// Questions that wait for their epochs to close, by number.
type Pending = Rc<RefCell<BTreeMap<u64, (Time, Asked)>>>;

/// How many questions one epoch takes.
const EPOCH_QUESTIONS: usize = 1024;
/// How long a worker with nothing to do sleeps, unless it is woken.
const IDLE: Duration = Duration::from_millis(100);
/// How often arrangements are measured.
const MEASURE: Duration = Duration::from_secs(1);

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::try_from(since.as_micros()).unwrap_or(Time::MAX)
}

/// Runs a worker until it is told to stop.
pub(super) fn run(worker: &mut Worker, seat: Seat, measure: &dyn Fn(&str, usize, usize)) {
    let mut state = State::build(worker, seat);
    let mut measured = Instant::now();
    // NB: leaving drops the inputs; a worker that kept them would hang for ever.
    while !state.seat.stop.load(Ordering::Acquire) {
        let more = state.take(worker.index(), worker.peers());
        let began = Instant::now();
        worker.step_or_park(Some(if more { Duration::ZERO } else { IDLE }));
        if more {
            state.seat.metrics.step_duration.observe(began.elapsed().as_secs_f64());
        }
        let closed = state.maintain();
        state.answer_the_rest(closed);
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
    probe: probe::Handle<Time>,
    time: Time,
    open: VecDeque<Time>,
    heard: Rc<Cell<Time>>,
    /// The model that was given to the dataflow last, by the first worker.
    model: Model,
    modelled: Rc<RefCell<VecDeque<(Time, Model)>>>,
    pending: Pending,
    next_question: u64,
    measured: Vec<Measured>,
}

impl State {
    fn build(worker: &mut Worker, mut seat: Seat) -> State {
        let vocabulary = SharedVocabulary::default();
        let probe = probe::Handle::new();
        let heard = Rc::new(Cell::new(0));
        let modelled = Rc::new(RefCell::new(VecDeque::new()));
        let pending = Pending::default();
        let (hear, model, answered) = (heard.clone(), modelled.clone(), pending.clone());
        let choice = seat.choice;
        let arrivals = seat.redis.is_some().then(Arrivals::default);
        let arrived = arrivals.clone();
        let (mut inputs, measured, sink) = worker.dataflow::<Time, _, _>(|scope| {
            let (inputs, outputs) = graph(
                scope,
                choice,
                &vocabulary,
                move |time| hear.set(time.max(hear.get())),
                move |time, changed| model.borrow_mut().push_back((time, changed)),
                move |time, block| {
                    if let Some(arrived) = &arrived {
                        arrived.note(time, block.written());
                    }
                },
                &probe,
            );
            outputs.answers.sink(Pipeline, "reply", move |(answers, _)| {
                answers.for_each(|_, answers| {
                    for (id, time, found) in answers.drain(..) {
                        if let Some((_, asked)) = answered.borrow_mut().remove(&id) {
                            reply(asked, time, found);
                        }
                    }
                });
            });
            let redis = seat.redis.take().zip(arrivals);
            let sink = redis.map(|(redis, arrivals)| {
                redis.attach(outputs.profile, vocabulary.clone(), arrivals)
            });
            (inputs, outputs.measured, sink)
        });
        seat.outlet.bind(std::thread::current());
        let time = now();
        inputs.advance_to(time);
        State {
            seat,
            sink,
            inputs,
            probe,
            time,
            open: VecDeque::new(),
            heard,
            model: Model::default(),
            modelled,
            pending,
            next_question: 0,
            measured,
        }
    }

    /// Puts what waits into the current epoch and opens the next; tells whether more waits.
    fn take(&mut self, index: usize, peers: usize) -> bool {
        while self.open.front().is_some_and(|time| !self.probe.less_than(time)) {
            self.open.pop_front();
            self.seat.open.fetch_sub(1, Ordering::AcqRel);
        }
        let mut took = false;
        if self.open.len() < self.seat.open_epochs {
            took |= self.take_units();
            took |= self.take_questions(index);
            took |= self.take_changes();
        }
        // Without input of its own a worker follows the latest epoch that anyone has opened.
        let next = if took { now().max(self.time + 1) } else { self.heard.get() };
        if next > self.time {
            if took {
                if peers > 1 {
                    self.inputs.announce.send(next);
                }
                self.open.push_back(next);
                self.seat.open.fetch_add(1, Ordering::AcqRel);
            }
            self.time = next;
            self.inputs.advance_to(next);
        }
        took && self.open.len() < self.seat.open_epochs && !self.seat.outlet.is_empty()
    }

    fn take_units(&mut self) -> bool {
        let mut events = 0;
        let mut took = false;
        while events < self.seat.epoch_events {
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
                self.inputs.rows.send((row.product, row.row));
            }
            for (partition, by) in advances {
                self.inputs.advances.send((partition_name(&partition), by));
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

    fn take_questions(&mut self, origin: usize) -> bool {
        let mut took = false;
        for _ in 0..EPOCH_QUESTIONS {
            let Ok(asked) = self.seat.asked.try_recv() else { break };
            took = true;
            let id = self.next_question;
            self.next_question += 1;
            for what in asks(&asked.question) {
                self.inputs.asks.send(Ask::new(origin, id, what));
            }
            self.pending.borrow_mut().insert(id, (self.time, asked));
        }
        took
    }

    /// Lets traces merge, feeds the sink, and tells the time before which everything is closed.
    fn maintain(&mut self) -> Time {
        let closed = self.probe.with_frontier(|frontier| {
            for measured in &mut self.measured {
                measured.release(frontier);
            }
            frontier.first().copied().unwrap_or(Time::MAX)
        });
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
        closed
    }

    /// Questions of which no owner knew anything get their answer when their epoch has closed.
    fn answer_the_rest(&mut self, closed: Time) {
        let mut pending = self.pending.borrow_mut();
        while let Some(first) = pending.first_entry() {
            if first.get().0 >= closed {
                break;
            }
            let (time, asked) = first.remove();
            reply(asked, time, Vec::new());
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

fn reply(asked: Asked, as_of: Time, found: Vec<Found>) {
    let Asked { question, reply } = asked;
    let body = assemble(&question, found);
    // Whoever asked may have gone; then nobody misses the answer.
    let _: Result<(), Answer> = reply.send(Answer { as_of, body });
}
