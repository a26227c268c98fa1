//! Runs a script through the graph and holds its answers to the oracle.

use crate::expected::Oracle;
use crate::script::{Random, Step, script};
use dataflows::Time;
use dataflows::block::{Block, owner};
use dataflows::event::Event;
use dataflows::graph::{Choice, Inputs, graph};
use dataflows::names::SharedVocabulary;
use dataflows::questions::{Ask, Gathered, Part, What};
use dataflows::recent::OwnedEvent;
use dataflows::recommend::{Popular, rank};
use dataflows::weights::Weights;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::probe;
use timely::worker::Worker;

/// What a worker tells.
enum Told {
    Heard(Time),
    Weighed(Time, Weights),
    Answer(usize, Gathered),
}

/// An answer with who got it.
type Answers = BTreeMap<u64, (usize, Time, Vec<Part>)>;

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

/// All inputs come from worker 0, questions from whoever asks.
fn run(worker: &mut Worker, steps: &[Step], mut random: Random, open: usize, tell: Sender<Told>) {
    let (me, peers) = (worker.index(), worker.peers());
    let closed = probe::Handle::new();
    let vocabulary = SharedVocabulary::default();
    let choice = Choice { popularity: true, bought: true, activity: true };
    let mut inputs = worker.dataflow(|scope| {
        let (heard, weighed) = (tell.clone(), tell.clone());
        let heard = move |time| heard.send(Told::Heard(time)).expect("the test listens");
        let weighed =
            move |time, weights| weighed.send(Told::Weighed(time, weights)).expect("it listens");
        let (inputs, outputs) = graph(scope, choice, &vocabulary, heard, weighed, &closed);
        outputs.answers.inspect(move |answer| {
            tell.send(Told::Answer(me, answer.clone())).expect("the test listens");
        });
        inputs
    });
    for (index, step) in steps.iter().enumerate() {
        inputs.advance_to(step.time);
        if me == 0 {
            feed(&mut inputs, step, peers);
        }
        for (place, (origin, what)) in step.asks.iter().enumerate() {
            if *origin == me {
                let (id, what) = (ask_id(index, place), what.clone());
                inputs.asks.send(Ask { origin: me, id, weights: Weights::default(), what });
            }
        }
        inputs.advance_to(step.time + 1);
        for _ in 0..random.below(4) {
            worker.step();
        }
        if let Some(due) = index.checked_sub(open) {
            worker.step_while(|| closed.less_equal(&steps[due].time));
        }
    }
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
    if let Some(weights) = step.weights {
        inputs.weights.send((step.time, weights));
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

/// Answers by question; and all workers must have heard of every epoch and of all weights.
fn sort_out(told: Receiver<Told>, steps: &[Step], workers: usize) -> Answers {
    let mut answers = Answers::new();
    let (mut heard, mut weighed) = (Vec::new(), Vec::new());
    for told in told {
        match told {
            Told::Heard(time) => heard.push(time),
            Told::Weighed(time, weights) => weighed.push((time, weights)),
            Told::Answer(worker, (id, time, parts)) => {
                let twice = answers.insert(id, (worker, time, parts));
                assert!(twice.is_none(), "question {id} is answered once");
            }
        }
    }
    heard.sort_unstable();
    weighed.sort_unstable();
    let everyone = |step| std::iter::repeat_n(step, workers);
    let epochs: Vec<Time> = steps.iter().map(|step| step.time).flat_map(everyone).collect();
    assert_eq!(heard, epochs, "every worker hears of every epoch");
    let weights = steps.iter().filter_map(|step| Some((step.time, step.weights?)));
    let weights: Vec<_> =
        weights.flat_map(|weights| std::iter::repeat_n(weights, workers)).collect();
    assert_eq!(weighed, weights, "every worker hears of all weights");
    answers
}

/// Holds one answer to the oracle: its parts, and what they make together.
fn hold(
    oracle: &Oracle,
    answer: Option<(usize, Time, Vec<Part>)>,
    time: Time,
    origin: usize,
    what: &What,
    case: &str,
) {
    let expected = oracle.parts(what);
    let Some((at, as_of, parts)) = answer else {
        assert!(expected.is_empty(), "{case}: no answer, but {expected:?}");
        return;
    };
    assert_eq!((at, as_of), (origin, time), "{case}");
    assert_eq!(in_order(&parts), in_order(&expected), "{case}");
    match what {
        What::Trending { tag, n } => {
            let mut merged: Vec<_> = popular(&parts).flat_map(|part| part.products).collect();
            merged.sort_by_key(|(product, score)| (Reverse(*score), product.clone()));
            merged.truncate(*n);
            assert_eq!(merged, oracle.trending(tag.as_deref(), *n), "{case}");
        }
        // NB: with a small n, what no owner has among its best adds nothing; the formula has all.
        What::Recommend { user, n: n @ 50 } => {
            let popular: Vec<Popular> = popular(&parts).collect();
            let bought = parts.iter().filter_map(|part| match part {
                Part::Bought(products) => Some(products),
                _ => None,
            });
            let bought: HashSet<&str> = bought.flatten().map(String::as_str).collect();
            let ranked = rank(&popular, &bought, *n).into_iter();
            let ranked: Vec<_> = ranked.map(|ranked| (ranked.product, ranked.score)).collect();
            assert_eq!(ranked, oracle.ranking(user), "{case}");
        }
        _ => {}
    }
}

fn popular(parts: &[Part]) -> impl Iterator<Item = Popular> + '_ {
    parts.iter().filter_map(|part| match part {
        Part::Popular(popular) => Some(popular.clone()),
        _ => None,
    })
}

/// Parts come in any order; so do the products that were bought.
fn in_order(parts: &[Part]) -> Vec<String> {
    let text = |part: &Part| match part {
        Part::Bought(products) => {
            let mut products = products.clone();
            products.sort_unstable();
            format!("Bought({products:?})")
        }
        part => format!("{part:?}"),
    };
    let mut texts: Vec<String> = parts.iter().map(text).collect();
    texts.sort_unstable();
    texts
}
