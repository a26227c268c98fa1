//! What is learned of the weights of rankings: the same, to the bit, on any number of workers.

use crate::harness::borrowed;
use crate::script::{COPY_HOURS, PAIRS_DAYS, Random};
use dataflows::graph::{Grading, Listeners, Mode, Outputs, Persistence, ViewConfig, graph};
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ids::hash::owner;
use dataflows::ingest::reading::Reading;
use dataflows::inputs::Learned;
use dataflows::questions::query::{Query, QueryAnswer, RoutedQuery};
use dataflows::questions::questions;
use dataflows::record::block::Block;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::score::grade::Grade;
use dataflows::score::model::Model;
use dataflows::score::model_history::{ENOUGH, LearnedState, Learning};
use dataflows::score::start::START;
use dataflows::time::{Time, input_time};
use dataflows::views::history::Limits;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use timely::dataflow::operators::{Inspect, probe};
use timely::worker::Worker;

/// The events of one time, and how many of these times there are.
const EVENTS: usize = 20;
const TIMES: usize = 90;
const USERS: usize = 120;
const PRODUCTS: usize = 60;

#[test]
fn the_same_events_teach_the_same_on_any_number_of_workers() {
    let [one, two, three] = [1, 2, 3].map(learned_by);
    let LearnedState { in_force, learner, .. } = &one;
    assert!(ENOUGH < learner.seen() && in_force.is_some(), "{}", learner.seen());
    assert_ne!(**learner.weights(), START);
    assert!(one == two && one == three);
}

/// What so many workers learn from all that happens.
fn learned_by(workers: usize) -> LearnedState {
    let guards = timely::execute(timely::Config::process(workers), run).expect("workers start");
    let states = guards.join().into_iter().filter_map(|state| state.expect("no worker panics"));
    states.last().expect("the first worker asks")
}

/// The events of every time: users who go from one product to one of the next.
fn events() -> Vec<Vec<OwnedEvent>> {
    let (mut random, mut at) = (Random::new(5), [0; USERS]);
    let times = (0..TIMES).map(|time| {
        let of_time = (0..EVENTS).map(|_| {
            let user = random.below(USERS);
            at[user] = match random.below(5) {
                0 => random.below(PRODUCTS),
                1 => at[user],
                _ => (at[user] + 1 + random.below(3)) % PRODUCTS,
            };
            let seconds = time * 40 + random.below(40);
            OwnedEvent {
                event_type: Kind::ALL[random.below(3)].into(),
                time: i64::try_from(seconds * 1_000 + random.below(1_000)).expect("it is small"),
                user: format!("u{user}"),
                product: format!("p{}", at[user]),
                category: String::new(),
                session: String::new(),
                id: String::new(),
                tags: vec![format!("t{}", at[user] / 5)],
            }
        });
        of_time.collect()
    });
    times.collect()
}

fn run(worker: &mut Worker) -> Option<LearnedState> {
    let (me, peers) = (worker.index(), worker.peers());
    let (dictionaries, asking) = (SharedDictionaries::default(), probe::Handle::new());
    let config = ViewConfig {
        mode: Mode::All,
        limits: Limits { paired: 100, kept: 1_000, horizon: 720 },
        pairs_days: PAIRS_DAYS,
        grading: Grading { share: 1.0, per_second: None, learning: Learning::On, start: &START },
        copy_hours: COPY_HOURS,
        stay_hours: None,
        persistence: Persistence::NONE,
    };
    let (mut inputs, views, closed, sample) = worker.dataflow(|scope| {
        let (inputs, outputs) = graph(scope, config, &dictionaries, Listeners::NONE);
        let Outputs { views, closed, sample, .. } = outputs;
        (inputs, views, closed, sample)
    });
    let answers: Rc<RefCell<HashMap<u64, QueryAnswer>>> = Rc::default();
    let mut queries = worker.dataflow(|scope| {
        let (queries, answered) = questions(scope, views, &dictionaries, &asking);
        let answers = answers.clone();
        answered.inspect(move |(id, _, found)| {
            answers.borrow_mut().extend(found.first().map(|found| (*id, found.clone())));
        });
        queries
    });
    let mut asked = 0;
    let mut grades: Vec<Grade> = Vec::new();
    let mut now = input_time(1_000_000);
    inputs.advance_to(now);
    if me == 0 {
        inputs.models.send((now, Model::default()));
    }
    inputs.reached.send(Reading::all_known(me));
    for events in events() {
        let mut blocks = vec![Block::default(); peers];
        for (place, event) in events.iter().enumerate().filter(|(place, _)| place % peers == me) {
            assert!(place < EVENTS);
            blocks[owner(&event.user, peers)].push(&borrowed(event));
            blocks[owner(&event.user, peers)].note_clock(event.time);
        }
        blocks.into_iter().enumerate().for_each(|block| inputs.blocks.send(block));
        for grade in grades.drain(..) {
            inputs.learned.send(Learned::Grade(Box::new(grade)));
        }
        let time: Time = now;
        now = input_time(now + 1_000);
        inputs.advance_to(now);
        worker.step_while(|| !closed.has(time));
        queries.advance_to(time - 1);
        let sampled = sample.borrow_mut().next(time, &dictionaries.borrow());
        let first = asked;
        for sampled in sampled.into_iter().flat_map(|(_, sampled)| sampled) {
            let query = Query::Grade(sampled);
            RoutedQuery::route(me, asked, vec![query], peers)
                .into_iter()
                .for_each(|query| queries.send(query));
            asked += 1;
        }
        queries.flush();
        worker.step_while(|| answers.borrow().len() < usize::try_from(asked - first).expect("few"));
        let answered = answers.take().into_values();
        grades.extend(answered.filter_map(|answer| match answer {
            QueryAnswer::Grade(grade) => grade,
            _ => None,
        }));
    }
    for grade in grades.drain(..) {
        inputs.learned.send(Learned::Grade(Box::new(grade)));
    }
    let time = now;
    inputs.advance_to(input_time(now + 1_000));
    worker.step_while(|| !closed.has(time));
    queries.advance_to(time);
    if me == 0 {
        RoutedQuery::route(0, asked, vec![Query::Learned], peers)
            .into_iter()
            .for_each(|query| queries.send(query));
        queries.flush();
        worker.step_while(|| answers.borrow().is_empty());
    }
    answers.take().into_values().find_map(|answer| match answer {
        QueryAnswer::Learned(state) => Some(*state),
        _ => None,
    })
}
