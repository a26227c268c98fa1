//! Runs a script through the graph and holds its answers to the oracle.

use crate::compare::check_answer;
use crate::expected::Oracle;
use crate::script::{COPY_HOURS, LIMITS, PAIRS_DAYS, Random, STAY_HOURS, Step, script};
use crate::stored::Stored;
use dataflows::arrange::closed::Closed;
use dataflows::cut::capture::CutState;
use dataflows::graph::{Grading, Listeners, Mode, Outputs, Persistence, ViewConfig, graph};
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ids::hash::owner;
use dataflows::ids::secret::Secret;
use dataflows::ingest::reading::Reading;
use dataflows::inputs::Inputs;
use dataflows::questions::query::{Answered, QueryAnswer, RoutedQuery};
use dataflows::questions::questions;
use dataflows::record::block::Block;
use dataflows::record::event::{Event, OwnedEvent};
use dataflows::record::reached::Reached;
use dataflows::score::model::Model;
use dataflows::stored::StoredRows;
use dataflows::time::{RESTORED, Time, hour};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use timely::dataflow::operators::{Inspect, probe};
use timely::worker::Worker;

/// A message from a worker to the test.
enum Message {
    Epoch(Time),
    Model(Time, Model),
    /// An answer, and the worker that got it.
    Answer(usize, Answered),
    Rows(StoredRows),
    State(Box<CutState>),
}

/// By question: the worker that got the answer, the time, and the answers to its queries.
type Answers = BTreeMap<u64, (usize, Time, Vec<QueryAnswer>)>;

/// A script, and the way that it is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    seed: u64,
    workers: usize,
    /// The most times that are open at once.
    open: usize,
    /// The number of workers at which records enter, in turn.
    feeders: usize,
    mode: Mode,
    /// Whether idle users leave.
    idle_leave: bool,
    /// Whether days pass between steps.
    days_pass: bool,
    /// The steps after which the state is stored, and the number of workers that go on from it.
    cut: Option<(usize, usize)>,
}

impl Case {
    /// A case with all views, fed at one worker.
    pub(crate) const fn new(seed: u64, workers: usize, open: usize) -> Case {
        Case {
            seed,
            workers,
            open,
            feeders: 1,
            mode: Mode::All,
            idle_leave: false,
            days_pass: false,
            cut: None,
        }
    }

    /// A random case, determined by its seed alone.
    pub(crate) fn any(seed: u64) -> Case {
        let mut random = Random::new(seed);
        let workers = 1 + random.below(5);
        let open = [0, 1, 3, 7, 20, 1000][random.below(6)];
        let mode = if random.below(4) == 0 { Mode::Profile } else { Mode::All };
        let case = Case::new(seed, workers, open).fed_by(1 + random.below(workers)).with(mode);
        let is_idle = mode == Mode::All && random.below(2) == 0;
        let case = if is_idle { case.where_idle_leave() } else { case };
        let case = Case { days_pass: random.below(4) == 0, ..case };
        if random.below(2) == 0 {
            case.restarted(1 + random.below(30), 1 + random.below(5))
        } else {
            case
        }
    }

    /// The same, where other workers go on after so many steps.
    pub(crate) const fn restarted(self, steps: usize, workers: usize) -> Case {
        Case { cut: Some((steps, workers)), ..self }
    }

    pub(crate) const fn fed_by(self, feeders: usize) -> Case {
        Case { feeders, ..self }
    }

    pub(crate) const fn where_idle_leave(self) -> Case {
        Case { idle_leave: true, ..self }
    }

    pub(crate) const fn where_days_pass(self) -> Case {
        Case { days_pass: true, ..self }
    }

    fn stay_hours(self) -> Option<u32> {
        self.idle_leave.then_some(STAY_HOURS)
    }

    pub(crate) const fn with(self, mode: Mode) -> Case {
        Case { mode, ..self }
    }
}

/// A part of a script, and what is there before it.
#[derive(Clone)]
struct Part {
    case: Case,
    steps: Arc<Vec<Step>>,
    /// The steps that are run.
    run: Range<usize>,
    /// What the first worker begins with.
    stored: Vec<StoredRows>,
    model: Option<Model>,
    /// Whether the state is stored at the end.
    is_stored: bool,
}

impl Part {
    fn whole(case: Case, steps: Vec<Step>) -> Part {
        let (run, steps) = (0..steps.len(), Arc::new(steps));
        Part { case, steps, run, stored: vec![], model: None, is_stored: false }
    }
}

/// Runs steps that are made by hand, and holds all answers to the oracle.
pub(crate) fn check_steps(case: Case, steps: Vec<Step>) {
    check_part(Part::whole(case, steps));
}

/// Runs a case and holds all its answers to the oracle.
pub(crate) fn check(case: Case) {
    let part = Part::whole(case, script(case.seed, case.workers, case.days_pass));
    let Some((cut, workers)) = case.cut else {
        check_part(part);
        return;
    };
    let end = part.run.end;
    let stored = check_part(Part { run: 0..cut, is_stored: true, ..part.clone() });
    let model = stored.states.iter().find_map(|state| state.model.clone());
    let feeders = case.feeders.min(workers);
    let steps = Arc::new(script(case.seed, workers, case.days_pass));
    let case = Case { workers, feeders, ..case };
    let (stored, run) = (stored.sum(), cut..end);
    check_part(Part { case, steps, run, stored, model, ..part });
}

/// Runs a part, holds its answers to the oracle, and returns what was stored.
fn check_part(part: Part) -> Stored {
    let Part { case, steps, run: range, .. } = part.clone();
    let Case { seed, workers, .. } = case;
    let (sender, messages) = channel();
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        run(worker, &part, Random::new(seed ^ worker.index() as u64), sender.clone());
    });
    for result in guards.expect("workers start").join() {
        result.expect("no worker panics");
    }
    let (mut answers, stored) = receive(messages, &steps[range.clone()], workers);
    let mut oracle = Oracle::new(workers, case.mode, case.stay_hours());
    for (index, step) in steps.iter().enumerate().take(range.end) {
        oracle.add(step);
        if !range.contains(&index) {
            continue;
        }
        for (place, (origin, query)) in step.queries.iter().enumerate() {
            let context = format!("{case:?}, step {index}: {query:?}");
            let answer = answers.remove(&question_id(index, place));
            let (at, as_of, found) = answer.unwrap_or_else(|| panic!("{context}: no answer"));
            assert_eq!((at, as_of), (*origin, step.time), "{context}");
            // What is restored was the input of several, in any order of these.
            let feeders = case.feeders + usize::from(range.start > 0);
            check_answer(&oracle, &found, query, feeders, &context);
        }
    }
    assert!(answers.is_empty(), "{case:?}: answers without a question: {answers:?}");
    stored
}

/// Runs a worker: feeds it the script, and asks its questions when their times are complete, some
/// of them when later times are complete as well.
fn run(worker: &mut Worker, part: &Part, mut random: Random, sender: Sender<Message>) {
    let Part { case, run, stored, model, is_stored, .. } = part;
    let (case, steps) = (*case, &part.steps[run.clone()]);
    let (me, peers) = (worker.index(), worker.peers());
    let asking = probe::Handle::new();
    let dictionaries = SharedDictionaries::default();
    let (epochs, models) = (sender.clone(), sender.clone());
    let on_epoch = move |time| epochs.send(Message::Epoch(time)).expect("the test listens");
    let on_model =
        move |time, model| models.send(Message::Model(time, model)).expect("the test listens");
    let config = ViewConfig {
        mode: case.mode,
        limits: LIMITS,
        pairs_days: PAIRS_DAYS,
        grading: Grading::NONE,
        copy_hours: COPY_HOURS,
        stay_hours: case.stay_hours(),
        persistence: Persistence {
            captures: *is_stored,
            secret: Secret::new([7, 8]),
            begun: steps[0].time,
        },
    };
    let told = sender.clone();
    let (mut inputs, views, closed, captures, names_needed_from) = worker.dataflow(|scope| {
        let (on_oldest, on_block) = (|_| {}, |_, _: &Block| {});
        let listeners = Listeners {
            on_epoch,
            on_oldest,
            on_model,
            on_block,
            on_announcement: |_, _| {},
            on_report: |_| {},
        };
        let (inputs, outputs) = graph(scope, config, &dictionaries, listeners);
        let Outputs { views, closed, captures, names_needed_from, .. } = outputs;
        (inputs, views, closed, captures, names_needed_from)
    });
    let mut queries = worker.dataflow(|scope| {
        let (queries, answers) = questions(scope, views, &dictionaries, &asking);
        answers.inspect(move |answer| {
            sender.send(Message::Answer(me, answer.clone())).expect("the test listens");
        });
        queries
    });
    let mut asked = 0;
    let mut ask = |closed: &Closed| {
        while let Some(step) = steps.get(asked).filter(|step| closed.has(step.time)) {
            queries.advance_to(step.time);
            for (place, (origin, query)) in step.queries.iter().enumerate() {
                if *origin == me {
                    let id = question_id(run.start + asked, place);
                    RoutedQuery::route(me, id, vec![query.clone()], peers)
                        .into_iter()
                        .for_each(|query| queries.send(query));
                }
            }
            queries.flush();
            asked += 1;
        }
        asked == steps.len()
    };
    if run.start > 0 {
        if me == 0 {
            stored.iter().for_each(|stored| inputs.restored.send(stored.clone()));
            model.iter().for_each(|model| inputs.models.send((RESTORED, model.clone())));
        }
        inputs.advance_to(RESTORED + 1);
        worker.step_while(|| !closed.has(RESTORED));
    }
    names_needed_from.set(captures.written_before());
    let store = |until| {
        let is_done = captures.write(until, |rows| {
            told.send(Message::Rows(rows)).expect("the test listens");
        });
        names_needed_from.set(captures.written_before());
        is_done
    };
    for (index, step) in steps.iter().enumerate() {
        inputs.advance_to(step.time);
        feed(&mut inputs, case, index, step, me);
        inputs.advance_to(step.time + 1);
        for _ in 0..random.below(4) {
            worker.step();
        }
        // Some steps are asked about late.
        if random.below(3) == 0 {
            ask(&closed);
        }
        if random.below(5) == 0 {
            store(closed.before());
        }
        if let Some(due) = index.checked_sub(case.open) {
            worker.step_while(|| !closed.has(steps[due].time));
        }
    }
    worker.step_while(|| !ask(&closed));
    if *is_stored {
        // With what the last step moves.
        let until = steps[steps.len() - 1].time + 2;
        inputs.advance_to(until);
        worker.step_while(|| closed.before() < until);
        while !store(until) {}
        assert_eq!(captures.written_before(), until);
        told.send(Message::State(Box::new(captures.state(until)))).expect("the test listens");
    }
}

/// Sends the input of a step that enters at a worker. Records enter at the feeders in turn, and
/// decisions at the last workers; but all rows of a product at one feeder, since they need their
/// order, and models at the first worker.
fn feed(inputs: &mut Inputs, case: Case, index: usize, step: &Step, me: usize) {
    let Case { workers, feeders, .. } = case;
    let enters = |place: usize| (index + place) % feeders;
    if enters(0) == me {
        inputs.epochs.send(step.time);
    }
    for decision in at_places(&step.decisions, |place| workers - 1 - enters(place) == me) {
        inputs.decisions.send(decision.clone());
    }
    let events: Vec<_> = at_places(&step.events, |place| enters(place) == me).collect();
    // In two halves, so that an owner may get several blocks of one time.
    let (first, second) = events.split_at(events.len() / 2);
    for half in [first, second] {
        let mut blocks = vec![Block::default(); workers];
        for event in half {
            let block = &mut blocks[owner(&event.user, workers)];
            // Logical time is in microseconds, and the time of ingestion.
            let written = i64::try_from(step.time / 1000).expect("a script is not that long");
            block.push(&Event { recorded: hour(step.time / 1000), ..borrowed(event) });
            block.note_clock(event.time.min(written));
        }
        for (owner, block) in blocks.into_iter().enumerate().filter(|(_, b)| !b.is_empty()) {
            inputs.blocks.send((owner, block));
        }
    }
    if index == 0 {
        inputs.reached.send(Reading::all_known(me));
    }
    if enters(0) == me {
        // What comes later is written later.
        let partition = format!("events/{me}");
        let hour = hour(step.time / 1000);
        inputs.reached.send(Reached { partition, hour, is_behind: false });
    }
    for row in step.rows.iter().filter(|row| owner(&row.product, feeders) == me) {
        inputs.rows.send(row.clone());
    }
    if let Some(model) = step.model.as_ref().filter(|_| me == 0) {
        inputs.models.send((step.time, model.clone()));
    }
    for advance in at_places(&step.advances, |place| enters(place) == me) {
        inputs.advances.send(advance.clone());
    }
}

/// The records at the places for which `at` holds.
fn at_places<T>(records: &[T], at: impl Fn(usize) -> bool) -> impl Iterator<Item = &T> {
    let records = records.iter().enumerate().filter(move |(place, _)| at(*place));
    records.map(|(_, record)| record)
}

/// Borrows an event, to push it into a block.
pub(crate) fn borrowed(event: &OwnedEvent) -> Event<'_> {
    Event {
        event_type: event.event_type,
        time: event.time,
        user: &event.user,
        product: &event.product,
        category: &event.category,
        session: &event.session,
        id: &event.id,
        tags: event.tags.iter().map(String::as_str).collect(),
        recorded: 0,
    }
}

fn question_id(step: usize, place: usize) -> u64 {
    (step * 1000 + place) as u64
}

/// Receives the answers, and what was stored. Every worker must have received every epoch and every model.
fn receive(messages: Receiver<Message>, steps: &[Step], workers: usize) -> (Answers, Stored) {
    let (mut answers, mut stored) = (Answers::new(), Stored::default());
    let (mut epochs, mut models) = (Vec::new(), Vec::new());
    for message in messages {
        match message {
            Message::Epoch(time) => epochs.push(time),
            Message::Model(RESTORED, _) => {}
            Message::Model(time, model) => models.push((time, model)),
            Message::Rows(rows) => stored.add(&rows),
            Message::State(state) => stored.states.push(*state),
            Message::Answer(worker, (id, time, found)) => {
                let before = answers.insert(id, (worker, time, found));
                assert!(before.is_none(), "question {id} is answered once");
            }
        }
    }
    epochs.sort_unstable();
    models.sort_by_key(|(time, _)| *time);
    let at_all = |time| std::iter::repeat_n(time, workers);
    let expected: Vec<Time> = steps.iter().map(|step| step.time).flat_map(at_all).collect();
    assert_eq!(epochs, expected, "every worker receives every epoch");
    let expected = steps.iter().filter_map(|step| Some((step.time, step.model.clone()?)));
    let expected: Vec<_> = expected.flat_map(|model| std::iter::repeat_n(model, workers)).collect();
    assert_eq!(models, expected, "every worker receives every model");
    (answers, stored)
}
