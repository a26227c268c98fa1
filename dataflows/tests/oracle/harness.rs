//! Runs a script through the graph and holds its answers to the oracle.

use crate::expected::Oracle;
use crate::script::{Random, Step, script};
use dataflows::arrange::closed::Closed;
use dataflows::graph::{Mode, ViewConfig, graph};
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ids::hash::owner;
use dataflows::inputs::Inputs;
use dataflows::questions::query::{Answered, Found, Query, RoutedQuery};
use dataflows::questions::questions;
use dataflows::ranking::answer::{Ranked, Ranking};
use dataflows::record::block::Block;
use dataflows::record::event::{Event, OwnedEvent};
use dataflows::score::model::Model;
use dataflows::time::Time;
use dataflows::views::history::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use timely::dataflow::operators::{Inspect, probe};
use timely::worker::Worker;

/// What a worker tells.
enum Told {
    Heard(Time),
    Modelled(Time, Model),
    Answer(usize, Answered),
}

/// An answer with who got it.
type Answers = BTreeMap<u64, (usize, Time, Vec<Found>)>;

/// So little that scripts go beyond it.
pub(crate) const LIMITS: Limits = Limits { paired: 4, kept: 6, horizon: 36 };

/// How a seed's script is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    seed: u64,
    workers: usize,
    /// How many times may be open at once.
    open: usize,
    /// At how many of the workers records enter, in turn.
    feeders: usize,
    mode: Mode,
}

impl Case {
    /// With all views, and fed at one worker.
    pub(crate) const fn new(seed: u64, workers: usize, open: usize) -> Case {
        Case { seed, workers, open, feeders: 1, mode: Mode::All }
    }

    /// A case that follows from its seed, and from nothing else.
    pub(crate) fn any(seed: u64) -> Case {
        let mut random = Random::new(seed);
        let workers = 1 + random.below(5);
        let open = [0, 1, 3, 7, 20, 1000][random.below(6)];
        Case::new(seed, workers, open).fed_by(1 + random.below(workers))
    }

    pub(crate) const fn fed_by(self, feeders: usize) -> Case {
        Case { feeders, ..self }
    }

    pub(crate) const fn with(self, mode: Mode) -> Case {
        Case { mode, ..self }
    }
}

/// Runs a case and holds all its answers to the oracle.
pub(crate) fn check(case: Case) {
    let Case { seed, workers, .. } = case;
    let steps = Arc::new(script(seed, workers));
    let (tell, told) = channel();
    let running = steps.clone();
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        run(worker, &running, Random::new(seed ^ worker.index() as u64), case, tell.clone());
    });
    for result in guards.expect("workers start").join() {
        result.expect("no worker panics");
    }
    let mut answers = sort_out(told, &steps, workers);
    let mut oracle = Oracle::new(workers, case.mode);
    for (index, step) in steps.iter().enumerate() {
        oracle.take(step);
        for (place, (origin, query)) in step.asks.iter().enumerate() {
            let told = format!("{case:?}, step {index}: {query:?}");
            let answer = answers.remove(&ask_id(index, place));
            let (at, as_of, found) = answer.unwrap_or_else(|| panic!("{told}: no answer"));
            assert_eq!((at, as_of), (*origin, step.time), "{told}");
            hold(&oracle, &found, query, case.feeders, &told);
        }
    }
    assert!(answers.is_empty(), "{case:?}: answered what was not asked: {answers:?}");
}

/// Questions come from whoever asks, once their time is complete; by then later times may be
/// complete as well.
fn run(worker: &mut Worker, steps: &[Step], mut random: Random, case: Case, tell: Sender<Told>) {
    let (me, peers) = (worker.index(), worker.peers());
    let asking = probe::Handle::new();
    let dictionaries = SharedDictionaries::default();
    let (heard, modelled) = (tell.clone(), tell.clone());
    let heard = move |time| heard.send(Told::Heard(time)).expect("the test listens");
    let modelled =
        move |time, model| modelled.send(Told::Modelled(time, model)).expect("the test listens");
    let config = ViewConfig { mode: case.mode, limits: LIMITS };
    let (mut inputs, views, closed) = worker.dataflow(|scope| {
        let (inputs, outputs) = graph(scope, config, &dictionaries, heard, modelled, |_, _| {});
        (inputs, outputs.views, outputs.closed)
    });
    let mut asks = worker.dataflow(|scope| {
        let (asks, answers) = questions(scope, views, &dictionaries, &asking);
        answers.inspect(move |answer| {
            tell.send(Told::Answer(me, answer.clone())).expect("the test listens");
        });
        asks
    });
    let mut asked = 0;
    let mut ask = |closed: &Closed| {
        while let Some(step) = steps.get(asked).filter(|step| closed.has(step.time)) {
            asks.advance_to(step.time);
            for (place, (origin, query)) in step.asks.iter().enumerate() {
                if *origin == me {
                    let id = ask_id(asked, place);
                    RoutedQuery::route(me, id, vec![query.clone()], peers)
                        .into_iter()
                        .for_each(|query| asks.send(query));
                }
            }
            asks.flush();
            asked += 1;
        }
        asked == steps.len()
    };
    for (index, step) in steps.iter().enumerate() {
        inputs.advance_to(step.time);
        feed(&mut inputs, case, index, step, me);
        inputs.advance_to(step.time + 1);
        for _ in 0..random.below(4) {
            worker.step();
        }
        // Some are asked about late.
        if random.below(3) == 0 {
            ask(&closed);
        }
        if let Some(due) = index.checked_sub(case.open) {
            worker.step_while(|| !closed.has(steps[due].time));
        }
    }
    worker.step_while(|| !ask(&closed));
}

/// Sends what of a step enters at a worker. Records enter at the feeders in turn, merges from the
/// other end; but all rows of a product at one, as they need their order, and models at the first.
fn feed(inputs: &mut Inputs, case: Case, index: usize, step: &Step, me: usize) {
    let Case { workers, feeders, .. } = case;
    let enters = |place: usize| (index + place) % feeders;
    if enters(0) == me {
        inputs.epochs.send(step.time);
    }
    for merge in those(&step.merges, |place| workers - 1 - enters(place) == me) {
        inputs.merges.send(merge.clone());
    }
    let events: Vec<_> = those(&step.events, |place| enters(place) == me).collect();
    // Two halves: an owner may get several blocks of one time.
    let (first, second) = events.split_at(events.len() / 2);
    for half in [first, second] {
        let mut blocks = vec![Block::default(); workers];
        for event in half {
            blocks[owner(&event.user, workers)].push(&borrowed(event));
        }
        for (owner, block) in blocks.into_iter().enumerate().filter(|(_, b)| !b.is_empty()) {
            inputs.blocks.send((owner, block));
        }
    }
    for row in step.rows.iter().filter(|row| owner(&row.product, feeders) == me) {
        inputs.rows.send(row.clone());
    }
    if let Some(model) = step.model.filter(|_| me == 0) {
        inputs.models.send((step.time, model));
    }
    for advance in those(&step.advances, |place| enters(place) == me) {
        inputs.advances.send(advance.clone());
    }
}

/// The records at some places.
fn those<T>(records: &[T], at: impl Fn(usize) -> bool) -> impl Iterator<Item = &T> {
    let records = records.iter().enumerate().filter(move |(place, _)| at(*place));
    records.map(|(_, record)| record)
}

/// An event as a block takes it.
pub(crate) fn borrowed(event: &OwnedEvent) -> Event<'_> {
    Event {
        kind: event.kind,
        time: event.time,
        user: &event.user,
        product: &event.product,
        category: &event.category,
        session: &event.session,
        id: &event.id,
        tags: event.tags.iter().map(String::as_str).collect(),
    }
}

fn ask_id(step: usize, place: usize) -> u64 {
    (step * 1000 + place) as u64
}

/// Answers by question; and all workers must have heard of every epoch and of all models.
fn sort_out(told: Receiver<Told>, steps: &[Step], workers: usize) -> Answers {
    let mut answers = Answers::new();
    let (mut heard, mut modelled) = (Vec::new(), Vec::new());
    for told in told {
        match told {
            Told::Heard(time) => heard.push(time),
            Told::Modelled(time, model) => modelled.push((time, model)),
            Told::Answer(worker, (id, time, found)) => {
                let twice = answers.insert(id, (worker, time, found));
                assert!(twice.is_none(), "question {id} is answered once");
            }
        }
    }
    heard.sort_unstable();
    modelled.sort_by_key(|(time, _)| *time);
    let everyone = |step| std::iter::repeat_n(step, workers);
    let epochs: Vec<Time> = steps.iter().map(|step| step.time).flat_map(everyone).collect();
    assert_eq!(heard, epochs, "every worker hears of every epoch");
    let models = steps.iter().filter_map(|step| Some((step.time, step.model?)));
    let models: Vec<_> = models.flat_map(|model| std::iter::repeat_n(model, workers)).collect();
    assert_eq!(modelled, models, "every worker hears of all models");
    answers
}

/// Holds one answer to the oracle.
fn hold(oracle: &Oracle, found: &[Found], query: &Query, feeders: usize, told: &str) {
    let expected = &oracle.answer(query)[..];
    if let ([Found::Ranked(found)], [Found::Ranked(expected)]) = (found, expected) {
        assert!(same(found, expected), "{told}:\n{found:#?}\nis not\n{expected:#?}");
    } else if matches!(query, Query::Recent { .. }) && 1 < feeders {
        let latest = are_latest(found, expected, &oracle.events);
        assert!(latest, "{told}:\n{found:#?}\nare not\n{expected:#?}");
    } else {
        assert_eq!(in_order(found), in_order(expected), "{told}");
    }
}

/// Whether what was found are the latest events but for which comes first, and so is in at all, of
/// those of one time: there is no order between feeders.
fn are_latest(found: &[Found], expected: &[Found], all: &[OwnedEvent]) -> bool {
    let times = |found: &[Found]| {
        let times = |found| recent(found).iter().map(|event| event.time).collect();
        let mut times: Vec<Vec<i64>> = found.iter().map(times).collect();
        times.sort_unstable();
        times
    };
    let found_events: Vec<&OwnedEvent> = found.iter().flat_map(recent).collect();
    let ids: BTreeSet<&str> = found_events.iter().map(|event| &*event.id).collect();
    times(found) == times(expected)
        && ids.len() == found_events.len()
        && found_events.iter().all(|event| all.contains(event))
}

fn recent(found: &Found) -> &[OwnedEvent] {
    let Found::Recent(events) = found else { panic!("{found:?} are no events") };
    events
}

/// Whether rankings are the same but for rounding, and for which comes first, and so is in at all,
/// of what is as good.
fn same(found: &Ranking, expected: &Ranking) -> bool {
    let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * one.abs().max(1.0);
    let causes = |ranked: &Ranked<'_>| {
        let causes = ranked.reasons().map(|reason| (format!("{:?}", reason.cause), reason.events));
        causes.collect::<BTreeMap<_, _>>()
    };
    found.len() == expected.len()
        && found.iter().zip(expected.iter()).all(|(found, expected)| {
            let sum: f64 = found.reasons().map(|reason| reason.score).sum();
            near(found.score, expected.score)
                && near(sum, found.score)
                && (found.product != expected.product
                    || found.row == expected.row && causes(&found) == causes(&expected))
        })
}

/// What was found comes in any order.
fn in_order(found: &[Found]) -> Vec<String> {
    let mut texts: Vec<String> = found.iter().map(|found| format!("{found:?}")).collect();
    texts.sort_unstable();
    texts
}
