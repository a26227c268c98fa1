//! The one loop of a worker: take what came, advance all inputs, step, maintain. Nothing in it
//! blocks.

use crate::engine::arrivals::Arrivals;
use crate::engine::asking::{Asking, LINGER};
use crate::engine::clock::now;
use crate::engine::intake::Unit;
use crate::engine::pace::Pace;
use crate::engine::setup::{ModelChange, WorkerInputs, WorkerSlot};
use crate::engine::sink::Sink;
use dataflows::arrange::closed::Closed;
use dataflows::graph::{Holders, Listeners, Outputs, graph};
use dataflows::held::Size;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::inputs::Inputs;
use dataflows::record::block::Block;
use dataflows::score::model::{Blend, Model};
use dataflows::score::weights::Weights;
use dataflows::time::{Time, input_time};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};
use timely::worker::Worker;

/// The longest sleep of a worker that has nothing to do. It may be woken before.
const IDLE: Duration = Duration::from_millis(100);
/// The longest time without an epoch: without input the first worker opens an empty one, so that
/// answers show that they are new.
const BEAT: Duration = Duration::from_secs(1);
/// The most records of an epoch while questions come: a question waits for the step under way.
const ASKED_RECORDS: usize = 1_000;
/// The bytes of waiting events from which a worker does not rest.
const MUCH: usize = 1 << 20;
/// The time between two measurements of the arrangements.
const MEASURE: Duration = Duration::from_secs(1);

/// Runs a worker until it is told to stop. `measure` gets the name and the size of all that is held; of an
/// arrangement, the number of its batches as well.
pub(super) fn run(
    worker: &mut Worker,
    inputs: WorkerInputs,
    slot: WorkerSlot,
    measure: &dyn Fn(&str, Size, Option<usize>),
) {
    let mut state = State::build(worker, inputs, slot);
    let mut measured = Instant::now();
    // NB: leaving drops the inputs; a worker that kept them would hang forever.
    while !state.slot.process.is_stopped() {
        let took = state.take(worker.index(), worker.peers());
        state.asking.take(state.newest());
        let began = Instant::now();
        worker.step_or_park(Some(state.patience()));
        if took {
            state.slot.metrics.step_duration.observe(began.elapsed().as_secs_f64());
        }
        state.maintain();
        state.asking.settle();
        if measured.elapsed() > MEASURE {
            measured = Instant::now();
            state.measure(measure);
        }
    }
}

/// A worker's dataflows, with their inputs and outputs.
struct State {
    slot: WorkerSlot,
    sink: Option<Box<dyn Sink>>,
    inputs: Inputs,
    closed: Closed,
    /// The time of the epoch under way: all inputs stand here.
    time: Time,
    /// The ends of this worker's epochs that have not closed yet.
    open: VecDeque<Time>,
    pace: Pace,
    /// The latest time that any worker has opened.
    heard: Rc<Cell<Time>>,
    /// The parts of the model, as the first worker was told them last. It gives the dataflow none
    /// before it knows all of them.
    weights: Option<Weights>,
    blend: Option<Blend>,
    /// Changes of the model that are not closed yet, with their times.
    models: Rc<RefCell<VecDeque<(Time, Model)>>>,
    asking: Asking,
    holders: Holders,
    /// The copies of events that were dropped, as far as they are not counted.
    copies: Rc<Cell<u64>>,
    /// Where the sink says from which time on it needs names.
    names_needed_from: Rc<Cell<Time>>,
}

impl State {
    /// Builds both dataflows on a worker.
    fn build(worker: &mut Worker, inputs: WorkerInputs, slot: WorkerSlot) -> State {
        let WorkerInputs { views, sink, questions, as_of } = inputs;
        let dictionaries = SharedDictionaries::default();
        let heard = Rc::new(Cell::new(0));
        let models = Rc::new(RefCell::new(VecDeque::new()));
        let (hear, model) = (heard.clone(), models.clone());
        let arrivals = sink.is_some().then(Arrivals::default);
        let arrived = arrivals.clone();
        let oldest = slot.process.oldest.clone();
        let listeners = Listeners {
            on_epoch: move |time: Time| hear.set(time.max(hear.get())),
            on_oldest: move |hour| oldest.set(hour),
            on_model: move |time, changed| model.borrow_mut().push_back((time, changed)),
            on_block: move |time, block: &Block| {
                if let (Some(arrived), [_, ..]) = (&arrived, block.written()) {
                    arrived.add(time, block.written());
                }
            },
        };
        let (mut inputs, outputs, sink) = worker.dataflow::<Time, _, _>(|scope| {
            let (inputs, outputs) = graph(scope, views, &dictionaries, listeners);
            let Outputs { profile, views, closed, holders, copies, names_needed_from } = outputs;
            let sink = sink
                .zip(arrivals)
                .map(|(sink, arrivals)| sink.attach(profile, dictionaries.clone(), arrivals));
            (inputs, (views, closed, holders, copies, names_needed_from), sink)
        });
        let (views, closed, holders, copies, names_needed_from) = outputs;
        let asking = Asking::build(worker, views, &dictionaries, questions, as_of);
        slot.outlet.bind(std::thread::current());
        if sink.is_some() {
            names_needed_from.set(0);
        }
        let time = input_time(now());
        inputs.advance_to(time);
        State {
            slot,
            sink,
            inputs,
            closed,
            time,
            open: VecDeque::new(),
            pace: Pace::new(),
            heard,
            weights: None,
            blend: None,
            models,
            asking,
            holders,
            copies,
            names_needed_from,
        }
    }

    /// Puts the waiting input into the epoch under way and opens the next one. Returns whether there was
    /// any input.
    fn take(&mut self, index: usize, peers: usize) -> bool {
        while self.open.front().is_some_and(|time| *time <= self.closed.before()) {
            self.open.pop_front();
        }
        // A worker follows the latest epoch that any other has opened; its waiting input goes along.
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
        let next = if follows { heard } else { input_time(now().max(self.time + 1)) };
        if took {
            if peers > 1 && !follows {
                self.inputs.epochs.send(next);
            }
            self.open.push_back(next);
            self.slot.process.open(next);
            self.slot.outlet.release();
        }
        self.pace = Pace::new();
        self.time = next;
        self.inputs.advance_to(next);
        took
    }

    /// False while as many epochs are open as may be.
    fn may_open(&self) -> bool {
        self.open.len() < self.slot.open_epochs
    }

    /// The time that the worker still rests before it opens an epoch; none while much waits.
    fn rest(&self) -> Option<Duration> {
        if self.slot.outlet.held() < MUCH { self.pace.rest() } else { None }
    }

    /// Sends waiting units, up to the limit of an epoch.
    fn take_units(&mut self) -> bool {
        let mut took = false;
        let is_asked = self.asking.is_asked();
        let most = self.slot.epoch_records.min(if is_asked { ASKED_RECORDS } else { usize::MAX });
        for unit in self.slot.outlet.take_up_to(most) {
            took = true;
            let Unit { blocks, decisions, catalogue, advances, reached } = unit;
            for block in blocks {
                self.inputs.blocks.send(block);
            }
            for decision in decisions {
                self.inputs.decisions.send(decision);
            }
            for row in catalogue {
                self.inputs.rows.send(row);
            }
            for (partition, by) in advances {
                self.inputs.advances.send((partition.name(), by));
            }
            for reached in reached {
                self.inputs.reached.send(reached);
            }
        }
        took
    }

    /// Sends the model if it has changed, and is known.
    fn take_changes(&mut self) -> bool {
        let mut changed = false;
        while let Ok(change) = self.slot.changes.try_recv() {
            changed = true;
            match change {
                ModelChange::Weights(weights) => self.weights = Some(weights),
                ModelChange::Blend(blend) => self.blend = Some(blend),
            }
        }
        if changed && let (Some(weights), Some(blend)) = (self.weights, self.blend) {
            self.inputs.models.send((self.time, Model { weights, blend }));
        }
        changed
    }

    /// True when nothing has come in for long, and an empty epoch is due.
    fn is_due(&self) -> bool {
        let beat = Time::try_from(BEAT.as_micros()).expect("a beat is short");
        self.open.is_empty() && self.time + beat < now()
    }

    /// The newest time that is complete, as far as any worker of this process knows.
    fn newest(&self) -> Time {
        self.slot.process.closed().saturating_sub(1)
    }

    /// The time that the worker may sleep.
    fn patience(&self) -> Duration {
        let idle = if self.asking.is_behind(self.newest()) { LINGER } else { IDLE };
        if self.may_open() && !self.slot.outlet.is_empty() {
            self.rest().unwrap_or_default().min(idle)
        } else {
            idle
        }
    }

    /// Lets traces merge, tells the others the time before which everything is closed and the model that
    /// holds there, and lets the sink write.
    fn maintain(&mut self) {
        let closed = self.closed.before();
        self.holders.release(closed);
        self.slot.process.close(closed);
        let mut models = self.models.borrow_mut();
        while let Some((time, model)) = models.pop_front_if(|(time, _)| *time < closed) {
            self.slot.process.in_force.set(time, model);
            if let Some(sink) = &mut self.sink {
                sink.set_weights(model.weights);
            }
        }
        if let Some(sink) = &mut self.sink {
            sink.flush(closed);
            self.names_needed_from.set(sink.written_before());
        }
    }

    /// Shows the lag, and the sizes of the arrangements.
    fn measure(&self, measure: &dyn Fn(&str, Size, Option<usize>)) {
        let lag = if self.open.is_empty() { 0 } else { now().saturating_sub(self.open[0]) };
        let metrics = &self.slot.metrics;
        metrics.epoch_lag.set(Duration::from_micros(lag).as_secs_f64());
        metrics.copies.inc_by(self.copies.take());
        self.holders.each(measure);
        let bytes = self.slot.outlet.held();
        measure("intake", Size { records: self.slot.outlet.units(), bytes }, None);
        if let Some(sink) = &self.sink {
            measure("sink", sink.held(), None);
        }
    }
}
