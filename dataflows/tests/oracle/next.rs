//! What followed directly, by hand: it changes as moments come between others, go, leave by age, and are forgotten.

use crate::expected::Oracle;
use crate::harness::{Case, check_steps};
use crate::pairs::Pair;
use crate::script::{Step, script};
use dataflows::graph::Mode;
use dataflows::questions::query::Query;
use dataflows::ranking::rules::{Basis, Rules};
use dataflows::record::decision::Decision;
use dataflows::record::event::{EventType, OwnedEvent};
use dataflows::time::{HOUR, Time, hour};
use dataflows::views::pairs::partner::Link;
use std::collections::{BTreeMap, BTreeSet};

/// A midnight, in milliseconds.
const MIDNIGHT: u64 = 20_000 * 24 * HOUR;
const PRODUCTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "0"];

/// A step, some minutes after midnight.
fn step(minutes: u64, events: Vec<OwnedEvent>, decisions: Vec<Decision>) -> Step {
    let of_product = |product: &str| Basis::Product(product.into());
    let bases = PRODUCTS.map(of_product).into_iter().chain([Basis::User("ann".into())]);
    let rules = Rules { reasons: usize::MAX, ..Rules::first(50) };
    let ranks = bases.map(|basis| Query::Rank { basis, rules: rules.clone(), own: None });
    Step {
        time: Time::from(MIDNIGHT + minutes * 60_000) * 1000,
        events,
        decisions,
        rows: vec![],
        model: None,
        advances: vec![],
        queries: [Query::Digests].into_iter().chain(ranks).map(|query| (0, query)).collect(),
    }
}

/// An event of a user some minutes after midnight, or before it.
fn event(event_type: EventType, user: &str, product: &str, minutes: i64) -> OwnedEvent {
    OwnedEvent {
        event_type,
        time: MIDNIGHT.cast_signed() + minutes * 60_000,
        user: user.into(),
        product: product.into(),
        category: String::new(),
        session: if user == "gil" { "gil".into() } else { String::new() },
        id: String::new(),
        tags: vec!["red".into()],
    }
}

fn view(product: &str, minutes: i64) -> OwnedEvent {
    event(EventType::View, "ann", product, minutes)
}

/// A merge or a forget of a user, until after all events.
fn decision(user: &str, account: Option<&str>) -> Decision {
    let until = MIDNIGHT + 2 * HOUR;
    let (time, recorded) = (until.cast_signed(), hour(until));
    Decision { user: user.into(), time, account: account.map(str::to_owned), recorded }
}

/// The steps, each with what follows directly as of it: the product, what followed, and how often.
fn steps() -> Vec<(Step, &'static str)> {
    let cart = |event_type| event(event_type, "ann", "b", -5);
    let of_guest = event(EventType::View, "gil", "e", -3);
    let later = event(EventType::View, "bob", "g", 35 * 60 + 30);
    vec![
        (step(90, vec![view("a", -10), view("c", 0)], vec![]), "ac1"),
        // One comes between the two, and one at its very time.
        (step(92, vec![view("b", -5)], vec![]), "ab1 bc1"),
        (step(94, vec![view("d", -5)], vec![]), "ab1 bd1 dc1"),
        // A moment of two events counts twice, where it is the later one.
        (step(96, vec![cart(EventType::AddToCart)], vec![]), "ab2 bd1 dc1"),
        (step(98, vec![cart(EventType::RemoveFromCart)], vec![]), "ab1 bd1 dc1"),
        // A product again, as long after as a visit's moments may be, and one that is later by a minute more.
        (step(100, vec![view("f", 30), view("g", 61)], vec![]), "ab1 bd1 cf1 dc1"),
        // The guest's moment comes between others, and is forgotten.
        (step(102, vec![of_guest], vec![]), "ab1 bd1 cf1 dc1"),
        (step(104, vec![], vec![decision("gil", Some("ann"))]), "ab1 bd1 cf1 dc1"),
        (step(106, vec![], vec![]), "ab1 bd1 cf1 de1 ec1"),
        (step(108, vec![], vec![decision("gil", None)]), "ab1 bd1 cf1 de1 ec1"),
        (step(110, vec![], vec![]), "ab1 bd1 cf1 dc1"),
        // What was before midnight leaves by age, and nothing comes between it and others any more.
        (step(35 * 60 + 30, vec![later], vec![]), "ab1 bd1 cf1 dc1"),
        (step(35 * 60 + 32, vec![view("0", 0)], vec![]), "0c1 ab1 bd1 cf1 dc1"),
        (step(35 * 60 + 34, vec![], vec![decision("ann", None)]), "0c1 ab1 bd1 cf1 dc1"),
        (step(35 * 60 + 36, vec![], vec![]), "ab1 bd1 dc1"),
    ]
}

#[test]
fn what_follows_directly_changes_with_what_comes_between() {
    let mut oracle = Oracle::new(1, Mode::All, None);
    for (at, (step, expected)) in steps().into_iter().enumerate() {
        oracle.add(&step);
        let mut next: BTreeMap<String, u32> = BTreeMap::new();
        for pair in oracle.pairs.iter().filter(|pair| pair.link == Link::Next) {
            *next.entry(format!("{}{}", pair.product, pair.partner)).or_default() += 1;
        }
        let found: Vec<String> =
            next.iter().map(|(next, times)| format!("{next}{times}")).collect();
        assert_eq!(found.join(" "), expected, "step {at}");
    }
}

#[test]
fn what_follows_directly_is_the_oracles() {
    let all = || steps().into_iter().map(|(step, _)| step).collect();
    for (workers, open) in [(1, 0), (3, 0), (2, 4), (3, 1000)] {
        check_steps(Case::new(0, workers, open), all());
    }
}

/// Scripts have moments as far apart as each link allows, and by a millisecond more; and some that come between others.
#[test]
fn scripts_try_each_link() {
    let (mut apart, mut parted) = (BTreeSet::new(), 0);
    for seed in 1..=20 {
        let mut oracle = Oracle::new(1, Mode::All, None);
        let mut before = BTreeSet::new();
        for step in script(seed, 1, false) {
            oracle.add(&step);
            let paired = oracle.history.iter().filter(|(_, pairs)| *pairs);
            let events: Vec<_> = paired.map(|(event, _)| event).collect();
            for (one, other) in events.iter().flat_map(|one| events.iter().map(move |it| (one, it)))
            {
                if one.user == other.user && one.product != other.product {
                    apart.insert(one.time.abs_diff(other.time));
                }
            }
            let key = |pair: &Pair| (pair.began, pair.product.clone(), pair.partner.clone());
            let of = |is_next: bool| -> BTreeSet<_> {
                let pairs = oracle.pairs.iter().filter(|pair| pair.after);
                pairs.filter(|pair| (pair.link == Link::Next) == is_next).map(key).collect()
            };
            let (next, pairs) = (of(true), of(false));
            // What followed directly still comes after, but something is between.
            parted += before.difference(&next).filter(|pair| pairs.contains(*pair)).count();
            before = next;
        }
    }
    for bound in [1, 3, 8, 30].map(|minutes| minutes * 60_000) {
        for millis in [bound, bound + 1] {
            assert!(apart.contains(&millis), "{millis}: {apart:?}");
        }
    }
    assert!(10 < parted, "{parted}");
}
