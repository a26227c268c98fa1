//! Runs a script through the graph and holds its answers to the oracle.

use crate::expected::Oracle;
use crate::script::{Random, Step, script};
use dataflows::Time;
use dataflows::block::{Block, owner};
use dataflows::closed::Closed;
use dataflows::event::Event;
use dataflows::graph::{Choice, Inputs, graph};
use dataflows::history::Limits;
use dataflows::model::Model;
use dataflows::names::SharedVocabulary;
use dataflows::questions::{Answered, Ask, Found, What, questions};
use dataflows::recent::OwnedEvent;
use dataflows::recommend::{Ranked, Ranking};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::probe;
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

/// Runs a seed's script on so many workers; `open` is how many times may be open at once.
pub(crate) fn check(seed: u64, workers: usize, open: usize) {
    let steps = Arc::new(script(seed, workers));
    let (tell, told) = channel();
    let running = steps.clone();
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        run(worker, &running, Random::new(seed ^ worker.index() as u64), open, tell.clone());
    });
    for result in guards.expect("workers start").join() {
        result.expect("no worker panics");
    }
    let mut answers = sort_out(told, &steps, workers);
    let mut oracle = Oracle::new(workers);
    for (index, step) in steps.iter().enumerate() {
        oracle.take(step);
        for (place, (origin, what)) in step.asks.iter().enumerate() {
            let case =
                format!("seed {seed}, {workers} workers, {open} open, step {index}: {what:?}");
            let answer = answers.remove(&ask_id(index, place));
            hold(&oracle, answer, step.time, *origin, what, &case);
        }
    }
    assert!(answers.is_empty(), "seed {seed}: answered what was not asked: {answers:?}");
}

/// Merges come from the last worker, all other inputs from the first, questions from whoever asks,
/// once their time is complete; by then later times may be complete as well.
fn run(worker: &mut Worker, steps: &[Step], mut random: Random, open: usize, tell: Sender<Told>) {
    let (me, peers) = (worker.index(), worker.peers());
    let asking = probe::Handle::new();
    let vocabulary = SharedVocabulary::default();
    let choice =
        Choice { popularity: true, bought: true, activity: true, history: true, limits: LIMITS };
    let (heard, modelled) = (tell.clone(), tell.clone());
    let heard = move |time| heard.send(Told::Heard(time)).expect("the test listens");
    let modelled =
        move |time, model| modelled.send(Told::Modelled(time, model)).expect("the test listens");
    let (mut inputs, views, closed) = worker.dataflow(|scope| {
        let (inputs, outputs) = graph(scope, choice, &vocabulary, heard, modelled, |_, _| {});
        (inputs, outputs.views, outputs.closed)
    });
    let mut asks = worker.dataflow(|scope| {
        let (asks, answers) = questions(scope, views, &vocabulary, &asking);
        answers.inspect(move |answer| {
            tell.send(Told::Answer(me, answer.clone())).expect("the test listens");
        });
        asks
    });
    let mut asked = 0;
    let mut ask = |closed: &Closed| {
        while let Some(step) = steps.get(asked).filter(|step| closed.has(step.time)) {
            asks.advance_to(step.time);
            for (place, (origin, what)) in step.asks.iter().enumerate() {
                if *origin == me {
                    let whats = vec![what.clone()];
                    Ask::of(me, ask_id(asked, place), whats, peers)
                        .into_iter()
                        .for_each(|ask| asks.send(ask));
                }
            }
            asks.flush();
            asked += 1;
        }
        asked == steps.len()
    };
    for (index, step) in steps.iter().enumerate() {
        inputs.advance_to(step.time);
        if me == peers - 1 {
            // Events and merges come from anywhere, and so in any order.
            step.merges.iter().for_each(|merge| inputs.merges.send(merge.clone()));
        }
        if me == 0 {
            feed(&mut inputs, step, peers);
        }
        inputs.advance_to(step.time + 1);
        for _ in 0..random.below(4) {
            worker.step();
        }
        // Some are asked about late.
        if random.below(3) == 0 {
            ask(&closed);
        }
        if let Some(due) = index.checked_sub(open) {
            worker.step_while(|| !closed.has(steps[due].time));
        }
    }
    worker.step_while(|| !ask(&closed));
}

fn feed(inputs: &mut Inputs, step: &Step, peers: usize) {
    inputs.announce.send(step.time);
    // Two halves: an owner may get several blocks of one time.
    let (first, second) = step.events.split_at(step.events.len() / 2);
    for half in [first, second] {
        let mut blocks = vec![Block::default(); peers];
        for event in half {
            blocks[owner(&event.user, peers)].push(&borrowed(event));
        }
        for (owner, block) in blocks.into_iter().enumerate().filter(|(_, b)| !b.is_empty()) {
            inputs.blocks.send((owner, block));
        }
    }
    for row in &step.rows {
        inputs.rows.send(row.clone());
    }
    if let Some(model) = step.model {
        inputs.models.send((step.time, model));
    }
    for advance in &step.advances {
        inputs.advances.send(advance.clone());
    }
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
fn hold(
    oracle: &Oracle,
    answer: Option<(usize, Time, Vec<Found>)>,
    time: Time,
    origin: usize,
    what: &What,
    case: &str,
) {
    let expected = oracle.answer(what);
    let Some((at, as_of, found)) = answer else {
        assert!(expected.is_empty(), "{case}: no answer, but {expected:?}");
        return;
    };
    assert_eq!((at, as_of), (origin, time), "{case}");
    if let ([Found::Ranked(found)], [Found::Ranked(expected)]) = (&found[..], &expected[..]) {
        assert!(same(found, expected), "{case}:\n{found:#?}\nis not\n{expected:#?}");
        return;
    }
    assert_eq!(in_order(&found), in_order(&expected), "{case}");
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
