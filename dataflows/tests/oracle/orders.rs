//! The order in which partitions are read does not matter, as long as they are read in step: the same records
//! in any such order give the same digests.

use crate::harness::borrowed;
use crate::script::{COPY_HOURS, Random};
use dataflows::digest::hash::Digest;
use dataflows::digest::rows::DigestedView;
use dataflows::graph::{Grading, Listeners, Mode, Persistence, ViewConfig, graph};
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ingest::reading::Reading;
use dataflows::questions::ask::{Ask, ViewDigests};
use dataflows::questions::query::{Query, RoutedQuery};
use dataflows::questions::questions;
use dataflows::record::block::Block;
use dataflows::record::decision::Decision;
use dataflows::record::event::{Event, EventType, OwnedEvent};
use dataflows::record::product::{CatalogueRow, Product};
use dataflows::record::reached::Reached;
use dataflows::time::{DAY_HOURS, Time};
use dataflows::views::history::Limits;
use std::cell::RefCell;
use std::rc::Rc;
use timely::dataflow::operators::{Inspect, probe};

/// The hour in which the first record is written.
const FIRST: u32 = 480_000;
/// The hours within which all are.
const SPAN: u32 = 5 * DAY_HOURS;
/// No user is beyond the caps, and no event within two days of the horizon's edge.
const LIMITS: Limits = Limits { paired: 1_000, kept: 1_000, horizon: 30 * DAY_HOURS };
const USERS: &[&str] = &["ann", "bob", "cem", "gil", "guy", "gus"];
const PRODUCTS: &[&str] = &["lamp", "mug", "oak", "pen", "rug"];
const TAGS: &[&str] = &["red", "blue", "wood", "mug"];
/// The partitions: of events, of decisions, and of rows, which have all of a product's.
const EVENTS: usize = 4;
const DECISIONS: usize = 2;
const ROWS: usize = 2;

#[derive(Clone)]
enum Record {
    Event(OwnedEvent),
    Decision(Decision),
    Row(CatalogueRow),
}

/// By partition, the records and the hours in which they are written, in order.
type Partitions = Vec<Vec<(u32, Record)>>;

#[test]
fn records_read_in_any_order_that_is_in_step_have_one_digest() {
    std::thread::scope(|scope| {
        for seed in 0..20 {
            scope.spawn(move || check(seed, 50));
        }
    });
}

/// Reads the records of a case in so many orders.
fn check(seed: u64, orders: u64) {
    let partitions = partitions(&mut Random::new(seed));
    let first = digests(&partitions, Random::new(1));
    for order in 2..=orders {
        let other = digests(&partitions, Random::new(order));
        assert_eq!(first, other, "seed {seed}, order {order}");
    }
}

fn one_of(random: &mut Random, texts: &[&str]) -> String {
    texts[random.below(texts.len())].into()
}

fn hours(random: &mut Random, bound: u32) -> u32 {
    u32::try_from(random.below(bound as usize)).expect("it is below a u32")
}

/// The records of a case.
fn partitions(random: &mut Random) -> Partitions {
    let mut partitions: Partitions = vec![vec![]; EVENTS + DECISIONS + ROWS];
    for _ in 0..60 {
        let written = hours(random, SPAN);
        let event = event(random, written);
        // Most often once; the copies are written within one window.
        for _ in 0..1 + random.below(4) / 2 {
            let written = FIRST + written + hours(random, COPY_HOURS + 1);
            partitions[random.below(EVENTS)].push((written, Record::Event(event.clone())));
        }
    }
    for _ in 0..8 {
        let decision = decision(random);
        let partition = EVENTS + random.below(DECISIONS);
        partitions[partition].push((decision.recorded, Record::Decision(decision)));
    }
    for _ in 0..8 {
        let product = random.below(PRODUCTS.len());
        let row = (random.below(4) > 0).then(|| Product {
            name: format!("row {}", random.next()),
            category: one_of(random, TAGS),
            tags: tags(random),
            price: None,
            unavailable: false,
        });
        let row = CatalogueRow { product: PRODUCTS[product].into(), row };
        let rows = &mut partitions[EVENTS + DECISIONS + product % ROWS];
        rows.push((FIRST + hours(random, SPAN), Record::Row(row)));
    }
    partitions.iter_mut().for_each(|records| records.sort_by_key(|(written, _)| *written));
    partitions
}

fn tags(random: &mut Random) -> Vec<String> {
    let mut tags: Vec<_> = (0..random.below(3)).map(|_| one_of(random, TAGS)).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn event(random: &mut Random, written: u32) -> OwnedEvent {
    let user = one_of(random, USERS);
    let is_guest = user.starts_with('g');
    // In days: within the horizon, or far beyond it.
    let age = match random.below(6) {
        0 => 10 + hours(random, 10),
        1 => 40 + hours(random, 20),
        _ => 0,
    };
    let time = FIRST + written - age * DAY_HOURS - hours(random, DAY_HOURS);
    let minute = i64::try_from(random.below(60)).expect("it is below 60");
    OwnedEvent {
        event_type: EventType::ALL[random.below(4)],
        time: (i64::from(time) * 60 + minute) * 60_000,
        session: if is_guest { user.clone() } else { String::new() },
        user,
        product: one_of(random, PRODUCTS),
        category: if random.below(2) == 0 { String::new() } else { one_of(random, TAGS) },
        id: random.next().to_string(),
        tags: match tags(random) {
            // What is beyond the horizon keeps the tags that the catalogue had when it came.
            tags if tags.is_empty() && age >= 40 => vec!["old".into()],
            tags => tags,
        },
    }
}

/// A merge of any user with another, who may have been merged too, so that there are chains and circles; or a forget.
fn decision(random: &mut Random) -> Decision {
    let recorded = FIRST + hours(random, SPAN);
    let (user, account) = (random.below(USERS.len()), random.below(USERS.len() - 1));
    // No name with itself.
    let account = if account >= user { account + 1 } else { account };
    let time = i64::from(recorded) - i64::from(hours(random, 3 * DAY_HOURS));
    let account = (random.below(4) > 0).then(|| USERS[account].into());
    Decision { user: USERS[user].into(), time: time * 3_600_000, account, recorded }
}

/// The records in a random order that is in step, with the partition of each and what it reaches by it.
fn in_step(partitions: &Partitions, random: &mut Random) -> Vec<(u32, Record, Reached)> {
    let mut next = vec![0; partitions.len()];
    let mut order = Vec::new();
    loop {
        let left = |partition: usize| partitions[partition].get(next[partition]);
        let oldest = (0..next.len()).filter_map(left).map(|(hour, _)| *hour).min();
        let Some(oldest) = oldest else { return order };
        let may_read = |&partition: &usize| {
            left(partition).is_some_and(|(hour, _)| *hour <= oldest + DAY_HOURS)
        };
        let ready: Vec<usize> = (0..next.len()).filter(may_read).collect();
        let partition = ready[random.below(ready.len())];
        let (hour, record) = partitions[partition][next[partition]].clone();
        next[partition] += 1;
        let after = partitions[partition].get(next[partition]).map(|(hour, _)| *hour);
        let (name, is_behind) = (partition.to_string(), after.is_some());
        let reached = Reached { partition: name, hour: after.unwrap_or(hour), is_behind };
        order.push((hour, record, reached));
    }
}

/// Reads the records in a random order and in epochs of random sizes. Returns the digests of what comes of it.
fn digests(partitions: &Partitions, mut random: Random) -> Vec<(DigestedView, Digest)> {
    let begin = partitions.iter().enumerate().filter_map(|(partition, records)| {
        let (hour, _) = records.first()?;
        Some(Reached { partition: partition.to_string(), hour: *hour, is_behind: true })
    });
    let begin: Vec<_> = begin.chain([Reading::all_known(0)]).collect();
    let order = in_step(partitions, &mut random);
    timely::execute_directly(move |worker| {
        let dictionaries = SharedDictionaries::default();
        let config = ViewConfig {
            mode: Mode::All,
            limits: LIMITS,
            pairs_days: 180,
            grading: Grading::NONE,
            copy_hours: COPY_HOURS,
            stay_hours: None,
            persistence: Persistence::NONE,
        };
        let (mut inputs, views, closed) = worker.dataflow(|scope| {
            let (inputs, outputs) = graph(scope, config, &dictionaries, Listeners::NONE);
            (inputs, outputs.views, outputs.closed)
        });
        let (found, asking) = (Rc::new(RefCell::new(Vec::new())), probe::Handle::new());
        let answered = found.clone();
        let mut queries = worker.dataflow(|scope| {
            let (queries, answers) = questions(scope, views, &dictionaries, &asking);
            answers.inspect(move |(.., found)| answered.borrow_mut().extend(found.clone()));
            queries
        });
        let mut time: Time = u64::from(FIRST) * 3_600_000_000;
        inputs.advance_to(time);
        begin.into_iter().for_each(|reached| inputs.reached.send(reached));
        for (hour, record, reached) in order {
            match record {
                Record::Event(event) => {
                    let mut block = Block::default();
                    block.push(&Event { recorded: hour, ..borrowed(&event) });
                    block.note_clock(event.time.min(i64::from(hour) * 3_600_000));
                    inputs.blocks.send((0, block));
                }
                Record::Decision(decision) => inputs.decisions.send(decision),
                Record::Row(row) => inputs.rows.send(row),
            }
            inputs.reached.send(reached);
            if random.below(8) == 0 {
                time += 2;
                inputs.advance_to(time);
                worker.step();
            }
        }
        // The last decisions are carried out at the time after theirs.
        time += 2;
        inputs.advance_to(time + 1);
        worker.step_while(|| !closed.has(time));
        queries.advance_to(time);
        let routed = RoutedQuery::route(0, 0, vec![Query::Digests], 1);
        routed.into_iter().for_each(|query| queries.send(query));
        queries.flush();
        worker.step_while(|| found.borrow().is_empty());
        ViewDigests.answer(found.take())
    })
}
