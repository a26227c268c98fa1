//! The one loop of a worker: take what came, advance all inputs, step, maintain. Nothing in it
//! blocks.

use crate::engine::arrivals::Arrivals;
use crate::engine::asking::{Asking, LINGER};
use crate::engine::clock::now;
use crate::engine::grades::Grades;
use crate::engine::intake::Unit;
use crate::engine::messages::Announcement;
use crate::engine::pace::Pace;
use crate::engine::setup::{ModelChange, WorkerInputs, WorkerSlot};
use crate::engine::sink::Sink;
use crate::engine::storage::{Announced, Restored, Storing};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use dataflows::arrange::closed::Closed;
use dataflows::graph::{Holders, Listeners, Outputs, graph};
use dataflows::held::Size;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::inputs::{Inputs, Learned};
use dataflows::record::block::Block;
use dataflows::score::merchandising::Merchandising;
use dataflows::score::model::{Blend, Model, RankingWeights};
use dataflows::score::weights::Weights;
use dataflows::time::{RESTORED, Time, input_time};
use serde::Serialize;
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
    state.begin(worker);
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
    rules: Option<Merchandising>,
    ranking: Option<RankingWeights>,
    /// Changes of the model that are not closed yet, with their times.
    models: Rc<RefCell<VecDeque<(Time, Model)>>>,
    asking: Asking,
    holders: Holders,
    /// The copies of events that were dropped, as far as they are not counted.
    copies: Rc<Cell<u64>>,
    /// Where is said from which time on names are needed.
    names_needed_from: Rc<Cell<Time>>,
    /// Where is said before which time everything has been written to the sink.
    written_before: Rc<Cell<Time>>,
    /// What the views begin with.
    restored: Receiver<Restored>,
    storing: Storing,
    /// The weights that the sink has not been told yet.
    weights_in_force: Option<Weights>,
}

impl State {
    /// Builds both dataflows on a worker.
    fn build(worker: &mut Worker, inputs: WorkerInputs, slot: WorkerSlot) -> State {
        let WorkerInputs { views, sink, questions, as_of, restored, stored } = inputs;
        let dictionaries = SharedDictionaries::default();
        let heard = Rc::new(Cell::new(0));
        let models = Rc::new(RefCell::new(VecDeque::new()));
        let (hear, model) = (heard.clone(), models.clone());
        let arrivals = sink.is_some().then(Arrivals::default);
        let arrived = arrivals.clone();
        let oldest = slot.process.oldest.clone();
        let announced = Announced::default();
        let (told, process) = (announced.clone(), slot.process.clone());
        let reported = slot.reported.clone();
        let listeners = Listeners {
            on_epoch: move |time: Time| hear.set(time.max(hear.get())),
            on_oldest: move |hour| oldest.set(hour),
            on_model: move |time, changed| model.borrow_mut().push_back((time, changed)),
            on_block: move |time, block: &Block| {
                if let (Some(arrived), [_, ..]) = (&arrived, block.written()) {
                    arrived.add(time, block.written());
                }
            },
            on_announcement: move |time, text: String| {
                match serde_json::from_str(&text).expect("the first worker wrote it") {
                    Announcement::Begun(beginning) => process.begin(beginning),
                    Announcement::CaughtUp => process.let_write(),
                    Announcement::Lost(lost) => process.lose(lost),
                    // With what moves at the next time.
                    Announcement::Cut(asked) => told.borrow_mut().push_back((time + 2, asked)),
                    Announcement::Ended => process.end(),
                }
            },
            on_report: move |text: String| {
                let report = serde_json::from_str(&text).expect("a process wrote it");
                // The process listens until it ends.
                let _ = reported.send(report);
            },
        };
        let (inputs, outputs, sink) = worker.dataflow::<Time, _, _>(|scope| {
            let (inputs, outputs) = graph(scope, views, &dictionaries, listeners);
            let Outputs { profile, views, closed, holders, copies, captures, sample, .. } = outputs;
            let names = (outputs.names_needed_from, outputs.written_before);
            let sink = sink
                .zip(arrivals)
                .map(|(sink, arrivals)| sink.attach(profile, dictionaries.clone(), arrivals));
            (inputs, (views, closed, holders, copies, names, (captures, sample)), sink)
        });
        let (views, closed, holders, copies, names, (captures, sample)) = outputs;
        let (names_needed_from, written_before) = names;
        let storing = Storing::new(worker.index(), captures, stored, announced);
        let grades = Grades::new(sample, slot.metrics.grades.clone());
        let asking = Asking::build(worker, views, &dictionaries, (questions, as_of), grades);
        slot.outlet.bind(std::thread::current());
        names_needed_from.set(0);
        if sink.is_some() {
            written_before.set(0);
        }
        State {
            slot,
            sink,
            inputs,
            closed,
            time: RESTORED,
            open: VecDeque::new(),
            pace: Pace::new(),
            heard,
            weights: None,
            blend: None,
            rules: None,
            ranking: None,
            models,
            asking,
            holders,
            copies,
            names_needed_from,
            written_before,
            restored,
            storing,
            weights_in_force: None,
        }
    }

    /// Begins with what was stored, and waits until all workers have.
    fn begin(&mut self, worker: &mut Worker) {
        while !self.slot.process.is_stopped() {
            match self.restored.recv_timeout(IDLE) {
                Ok(Restored::Rows(rows)) => self.inputs.restored.send(rows),
                Ok(Restored::Model(model)) => self.inputs.models.send((RESTORED, model)),
                Ok(Restored::Learner(learner)) => {
                    self.inputs.learned.send(Learned::Before(learner));
                }
                Ok(Restored::Announcement(announcement)) => {
                    self.inputs.announcements.send(text(&announcement));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            worker.step();
        }
        self.time = input_time(now());
        self.inputs.advance_to(self.time);
        // And the time after it, which digests are remembered as of.
        while !self.closed.has(RESTORED + 1) && !self.slot.process.is_stopped() {
            worker.step_or_park(Some(IDLE));
        }
        self.storing.begin();
        if let (Some(sink), Some(beginning)) = (&mut self.sink, self.slot.process.begun()) {
            sink.begin(beginning);
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
        for grade in self.asking.take_grades() {
            self.inputs.learned.send(Learned::Grade(Box::new(grade)));
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

    /// Sends the model if it has changed, and is known, and what is to be told.
    fn take_changes(&mut self) -> bool {
        let mut told = false;
        for announcement in self.slot.announcements.try_iter() {
            self.inputs.announcements.send(text(&announcement));
            told = true;
        }
        for report in self.slot.reports.try_iter() {
            self.inputs.reports.send(text(&report));
            told = true;
        }
        let mut changed = false;
        while let Ok(change) = self.slot.changes.try_recv() {
            changed = true;
            match change {
                ModelChange::Weights(weights) => self.weights = Some(weights),
                ModelChange::Blend(blend) => self.blend = Some(blend),
                ModelChange::Rules(rules) => self.rules = Some(rules),
                ModelChange::Ranking(ranking) => self.ranking = Some(ranking),
            }
        }
        if changed
            && let (Some(weights), Some(blend), Some(rules), Some(ranking)) =
                (self.weights, self.blend, &self.rules, &self.ranking)
        {
            let (rules, ranking) = (rules.clone(), ranking.clone());
            self.inputs.models.send((self.time, Model { weights, blend, rules, ranking }));
        }
        changed || told
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
        if self.storing.is_behind(self.closed.before()) {
            return Duration::ZERO;
        }
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
            self.weights_in_force = Some(model.weights);
            self.slot.process.in_force.set(time, model);
        }
        self.storing.go_on(closed);
        let mut needed_from = self.storing.names_needed_from();
        if let Some(sink) = &mut self.sink {
            // Without weights it writes nothing.
            if self.slot.process.may_write()
                && let Some(weights) = self.weights_in_force.take()
            {
                sink.set_weights(weights);
            }
            sink.flush(closed);
            self.written_before.set(sink.written_before());
            needed_from = needed_from.min(sink.written_before());
        }
        self.names_needed_from.set(needed_from);
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

/// A message as workers send it.
fn text(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("its keys are texts, and nothing else can fail")
}
