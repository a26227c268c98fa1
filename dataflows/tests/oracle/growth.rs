//! What is held does not grow with the age of a shop: guests come and go, some sign in, and products are not known.

use crate::script::{COPY_HOURS, Random};
use dataflows::graph::{Grading, Listeners, Mode, Persistence, ViewConfig, graph};
use dataflows::held::Size;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ingest::reading::Reading;
use dataflows::questions::questions;
use dataflows::record::block::Block;
use dataflows::record::decision::Decision;
use dataflows::record::event::{Event, EventType};
use dataflows::record::reached::Reached;
use dataflows::time::{DAY_HOURS, Time};
use dataflows::views::history::Limits;
use std::collections::BTreeMap;
use timely::dataflow::operators::probe;

const LIMITS: Limits = Limits { paired: 100, kept: 1_000, horizon: 48 };
const PAIRS_DAYS: u16 = 4;
/// The hour in which the shop opens.
const FIRST: u32 = 480_000;
/// The guests that come in an hour; half of them sign in.
const GUESTS: usize = 60;
const EVENTS: usize = 4;
/// The accounts that they turn out to be.
const ACCOUNTS: usize = 20;

#[test]
fn what_is_held_does_not_grow_with_the_age_of_the_shop() {
    for mode in [Mode::Profile, Mode::All] {
        check(mode, None, GUEST_NAMES + ACCOUNTS);
    }
}

#[test]
fn accounts_that_are_idle_leave() {
    // Each hour has accounts of its own. They stay as long as their moments, that time, and the day's rest.
    let stay = 2 * LIMITS.horizon;
    let hours = LIMITS.horizon + stay + DAY_HOURS;
    check(Mode::All, Some(stay), GUEST_NAMES + ACCOUNTS * (hours as usize + 8));
}

/// The most names of guests: of those who came within the horizon, and once more as long of those who signed in.
const GUEST_NAMES: usize = GUESTS * (LIMITS.horizon as usize * 3 / 2 + 8);

/// What is held after so many horizons, by name.
type HeldSizes = BTreeMap<&'static str, Size>;

fn check(mode: Mode, stay_hours: Option<u32>, most_names: usize) {
    let [young, old] = run(mode, stay_hours, [4, 8]);
    let bytes = |held: &HeldSizes| held.values().map(|size| size.bytes).sum::<usize>();
    let (before, after) = (bytes(&young), bytes(&old));
    assert!(after < before * 5 / 4, "{mode:?}: {before} and {after} bytes: {young:#?} {old:#?}");
    let names = old["user_names"].records;
    assert!(names <= most_names, "{mode:?}: {names} names, more than {most_names}: {old:#?}");
}

/// Runs a shop, and returns what is held after numbers of horizons.
fn run(mode: Mode, stay_hours: Option<u32>, horizons: [u32; 2]) -> [HeldSizes; 2] {
    timely::execute_directly(move |worker| {
        let dictionaries = SharedDictionaries::default();
        let config = ViewConfig {
            mode,
            limits: LIMITS,
            pairs_days: PAIRS_DAYS,
            grading: Grading::NONE,
            copy_hours: COPY_HOURS,
            stay_hours,
            persistence: Persistence::NONE,
        };
        let (mut inputs, views, closed, mut holders) = worker.dataflow(|scope| {
            let (inputs, outputs) = graph(scope, config, &dictionaries, Listeners::NONE);
            (inputs, outputs.views, outputs.closed, outputs.holders)
        });
        let mut queries = worker.dataflow(|scope| {
            let asking = probe::Handle::new();
            questions(scope, views, &dictionaries, &asking).0
        });
        let mut random = Random::new(7);
        inputs.reached.send(Reading::all_known(0));
        let mut sizes = Vec::new();
        for hour in 0..horizons[1] * LIMITS.horizon {
            let time = Time::from(FIRST + hour) * 3_600_000_000;
            inputs.advance_to(time);
            let (block, decisions) = hour_of(FIRST + hour, stay_hours.is_some(), &mut random);
            inputs.blocks.send((0, block));
            decisions.into_iter().for_each(|decision| inputs.decisions.send(decision));
            let partition = String::from("events/0");
            inputs.reached.send(Reached { partition, hour: FIRST + hour, is_behind: false });
            inputs.advance_to(time + 2);
            // An hour is open while the next one comes, as epochs are under load.
            let complete = time - 3_600_000_000 + 1;
            worker.step_while(|| !closed.has(complete));
            queries.advance_to(complete);
            queries.flush();
            holders.release(complete);
            if horizons.contains(&((hour + 1) / LIMITS.horizon)) && (hour + 1) % LIMITS.horizon == 0
            {
                // Batches merge while there is nothing else to do.
                for _ in 0..2_000 {
                    worker.step();
                }
                let mut all = HeldSizes::new();
                holders.each(|name, size, _| {
                    let sum = all.entry(name).or_default();
                    *sum =
                        Size { records: sum.records + size.records, bytes: sum.bytes + size.bytes };
                });
                sizes.push(all);
            }
        }
        sizes.try_into().expect("two of them")
    })
}

/// The events of new guests in an hour, and whom some of them turn out to be: accounts of every hour, or of this one.
fn hour_of(hour: u32, of_this: bool, random: &mut Random) -> (Block, Vec<Decision>) {
    let (mut block, mut decisions, recorded) = (Block::default(), Vec::new(), hour);
    let begin = i64::from(hour) * 3_600_000;
    for guest in 0..GUESTS {
        let user = format!("guest {hour} {guest}");
        for number in 0..EVENTS {
            let time = begin + i64::try_from(guest * EVENTS + number).expect("it is small") * 1000;
            let product = format!("product {}", random.below(50));
            let id = format!("{user} {number}");
            let tags = if number % 2 == 0 { vec!["red", "blue"] } else { vec![] };
            block.push(&Event {
                event_type: EventType::ALL[random.below(4)],
                time,
                user: &user,
                product: &product,
                category: "",
                session: &user,
                id: &id,
                tags,
                recorded,
            });
            block.note_clock(time);
        }
        if guest % 2 == 0 {
            let hour = if of_this { hour } else { 0 };
            let account = Some(format!("account {hour} {}", random.below(ACCOUNTS)));
            decisions.push(Decision { user, time: begin + 3_600_000, account, recorded });
        }
    }
    (block, decisions)
}
