//! The input: a seeded script of steps, each at its own time, with few names, so that they collide.

use dataflows::questions::query::Query;
use dataflows::ranking::rules::{Basis, LeaveOut, Rules};
use dataflows::record::decision::Decision;
use dataflows::record::event::{EventType, OwnedEvent};
use dataflows::record::product::{CatalogueRow, PriceRange, Product};
use dataflows::score::merchandising::{Action, Condition, Merchandising, Occasion, Rule};
use dataflows::score::mixture::{GATES, SOURCES};
use dataflows::score::model::{Blend, Model, RankingWeights};
use dataflows::score::weights::{Score, Weights};
use dataflows::time::{Time, hour};
use dataflows::views::history::Limits;

/// The hours within which an event with the user and the id of another is a copy of it.
pub(crate) const COPY_HOURS: u32 = 4;

/// The limits of the history, so low that scripts exceed them.
pub(crate) const LIMITS: Limits = Limits { paired: 4, kept: 6, horizon: 36 };

/// The days that pairs are kept, in which weeks begin to count as one.
pub(crate) const PAIRS_DAYS: u16 = 14;

/// The hours that idle users stay, where they do not stay for ever.
pub(crate) const STAY_HOURS: u32 = 12;

const USERS: &[&str] = &["ann", "bob", "cem", "dot", "eve"];
/// The sessions of guests. Some accounts have the same names.
const GUESTS: &[&str] = &["gil", "guy"];
/// Users who are away from this hour of a script to that one.
const AWAY: (&[&str], std::ops::Range<u64>) = (&["dot", "eve", "guy"], 8..52);
/// Carts and removals are as frequent as all else.
const TYPES: [EventType; 6] = {
    let [view, cart, purchase, removal] = EventType::ALL;
    [view, view, purchase, cart, cart, removal]
};
const PRODUCTS: &[&str] = &["lamp", "mug", "oak", "pen", "rug", "sofa", "toy"];
/// Some are names of products or categories too, so that a stand-in may be a tag of the catalogue.
const TAGS: &[&str] = &["red", "blue", "wood", "home", "mug"];
const CATEGORIES: &[&str] = &["", "home", "office", "wood"];
const PARTITIONS: &[&str] = &["events/0", "events/1", "products/0"];
const STEPS: usize = 40;
/// A time of the wall clock at which some rules of the shop begin to hold, and others end.
const NOON: i64 = 43_200_000;
/// The time that scripts begin at, in microseconds: the beginning of a day.
const BEGIN: Time = 20_000 * 24 * 60 * MINUTE;
const MINUTE: u64 = 60_000_000;

/// xorshift64*: a small generator, whose numbers are the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from((self.next() >> 32) % bound as u64).expect("less than a usize")
    }

    fn number(&mut self, bound: i64) -> i64 {
        i64::try_from(self.next() >> 32).expect("32 bits") % bound
    }

    fn one_of(&mut self, texts: &[&str]) -> String {
        texts[self.below(texts.len())].into()
    }

    /// Up to three tags, at times with a repeat. The parser removes repeats; one that came through
    /// would be counted, and retracted, as often as it is there.
    fn tags(&mut self) -> Vec<String> {
        (0..self.below(4)).map(|_| self.one_of(TAGS)).collect()
    }
}

/// The input of one time, and the questions about it.
pub(crate) struct Step {
    pub(crate) time: Time,
    pub(crate) events: Vec<OwnedEvent>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) rows: Vec<CatalogueRow>,
    pub(crate) model: Option<Model>,
    pub(crate) advances: Vec<(String, i64)>,
    /// The queries, each with the worker that asks it.
    pub(crate) queries: Vec<(usize, Query)>,
}

/// A script for so many workers. Only the workers that ask depend on their number. If days pass in it, nobody merges or
/// forgets, as what is known of that ends with time.
pub(crate) fn script(seed: u64, workers: usize, days_pass: bool) -> Vec<Step> {
    let (mut random, mut askers) = (Random::new(seed), Random::new(seed ^ 0xA5));
    let mut time = BEGIN;
    let mut sent: Vec<OwnedEvent> = Vec::new();
    let step = |_| {
        // Input has even times.
        let days = if days_pass && random.below(6) == 0 { random.next() % 6 } else { 0 };
        time += 2 + random.next() % (180 * MINUTE) / 2 * 2 + days * 24 * 60 * MINUTE;
        let count = random.below(8);
        let mut send = |_| {
            // At times again, at once or hours later.
            let again = random.below(6) == 0 && !sent.is_empty();
            let latest = sent.len().saturating_sub(30);
            let event = match again {
                true => sent[latest + random.below(sent.len() - latest)].clone(),
                false => event(&mut random, time, &sent[latest..]),
            };
            sent.push(event.clone());
            event
        };
        let events = (0..count).map(&mut send).collect();
        Step {
            time,
            events,
            decisions: (0..random.below(8) / 5)
                .map(|_| decision(&mut random, time))
                .filter(|_| !days_pass)
                .collect(),
            rows: (0..random.below(3)).map(|_| row(&mut random)).collect(),
            model: (random.below(5) == 0).then(|| model(&mut random, time)),
            advances: (0..random.below(3))
                .map(|_| (random.one_of(PARTITIONS), random.number(100)))
                .collect(),
            queries: queries().filter_map(|query| ask(query, &mut askers, workers)).collect(),
        }
    };
    (0..STEPS).map(step).collect()
}

/// An event, which is often near another of its user. A removal is most often of what one of the latest events had, and
/// at times of its very time.
fn event(random: &mut Random, time: Time, latest: &[OwnedEvent]) -> OwnedEvent {
    let mut event = any_event(random, time);
    let of_user: Vec<_> = latest.iter().filter(|other| other.user == event.user).collect();
    if random.below(2) == 0 && !of_user.is_empty() {
        event.time = of_user[random.below(of_user.len())].time + apart(random);
    }
    if event.event_type != EventType::RemoveFromCart || latest.is_empty() || random.below(5) == 0 {
        return event;
    }
    let OwnedEvent { user, session, product, time, .. } =
        latest[random.below(latest.len())].clone();
    let time = if random.below(4) == 0 { time } else { event.time };
    OwnedEvent { user, session, product, time, ..event }
}

fn any_event(random: &mut Random, time: Time) -> OwnedEvent {
    let (user, session) = match random.below(8) {
        0..3 => {
            let guest = random.one_of(GUESTS);
            (guest.clone(), guest)
        }
        3 => (random.one_of(GUESTS), random.one_of(&["", "s"])),
        _ => (random.one_of(USERS), random.one_of(&["", "s"])),
    };
    let (away, hours) = AWAY;
    let is_away = away.contains(&&*user) && hours.contains(&((time - BEGIN) / (60 * MINUTE)));
    let user = if is_away { "ann".into() } else { user };
    OwnedEvent {
        event_type: TYPES[random.below(TYPES.len())],
        time: event_time(random, time),
        user,
        product: random.one_of(PRODUCTS),
        category: random.one_of(CATEGORIES),
        session,
        id: if random.below(4) == 0 { String::new() } else { random.next().to_string() },
        tags: random.tags(),
    }
}

/// A merge of a user with another, or a forget, of any name. Its time is before the user's events, between them, or
/// after, and at times a little ahead.
fn decision(random: &mut Random, time: Time) -> Decision {
    let user = random.one_of(&[USERS, GUESTS, GUESTS, &["nobody"]].concat());
    let account = random.one_of(&[USERS, GUESTS].concat());
    // A merge of a name with itself is not allowed.
    let account = if account == user { "ann!".into() } else { account };
    let account = (random.below(5) > 0).then_some(account);
    // Rounded to three hours, so that some are equal.
    let hours = event_time(random, time) / (3 * 60 * 60_000) + random.number(2);
    Decision { user, time: hours * 3 * 60 * 60_000, account, recorded: hour(time / 1000) }
}

/// Milliseconds, either way: none, as many as the links of pairs allow, or a little less or more.
fn apart(random: &mut Random) -> i64 {
    let bound = [0, 0, 1, 3, 8, 30][random.below(6)] * 60_000 + random.number(3) - 1;
    if random.below(2) == 0 { bound } else { -bound }
}

/// A time of an event: most often recent, out of order and often equal; at times late, ahead, or
/// before the Unix epoch.
fn event_time(random: &mut Random, time: Time) -> i64 {
    let now = i64::try_from(time / MINUTE).expect("a script is not that long");
    let minutes = match random.below(20) {
        0 => return -60_000,
        1 => now + random.number(20 * 60),
        2..5 => now - random.number(50 * 60),
        _ => now - random.number(90),
    };
    minutes / 10 * 10 * 60_000
}

fn row(random: &mut Random) -> CatalogueRow {
    let product = random.one_of(PRODUCTS);
    let described = Product {
        name: format!("the {product}"),
        category: random.one_of(CATEGORIES),
        tags: random.tags(),
        price: Some(random.number(5)),
        unavailable: random.below(8) == 0,
    };
    let row = (random.below(4) != 0).then_some(described);
    CatalogueRow { product, row }
}

/// A model. Weights may be zero, and a tag whose score is zero is no part of a profile.
pub(crate) fn model(random: &mut Random, time: Time) -> Model {
    let weights = Weights(std::array::from_fn(|_| Score(random.number(7) * Score::UNIT / 2)));
    let mut one_of = |values: [f64; 3]| values[random.below(3)];
    let blend = Blend {
        tags: one_of([0.0, 0.5, 1.0]),
        trend: one_of([0.0, 1.0, 3.0]),
        repeat: one_of([0.0, 0.5, 1.0]),
        earlier: one_of([0.0, 1.0, 2.0]),
    };
    // Of numbers of their own, so that scripts stay what they are.
    let rules = &mut Random::new(time);
    let rules = (0..rules.below(7)).map(|at| rule(rules, at)).collect();
    let numbers = &mut Random::new(time + 1);
    let is_pinned = numbers.below(3) == 0;
    let mut weight = || f64::from(u32::try_from(numbers.below(9)).expect("few")) / 64.0;
    let pinned = (0..GATES).map(|_| (0..SOURCES).map(|_| weight()).collect()).collect();
    let pinned = is_pinned.then_some(pinned);
    let ranking = RankingWeights { pinned, resets: 0 };
    Model { weights, blend, rules: Merchandising::new(rules), ranking }
}

/// A rule of the shop, for some occasions.
fn rule(random: &mut Random, at: usize) -> Rule {
    let action = match random.below(6) {
        0..2 => Action::Pin(1 + random.below(4)),
        2 => Action::Boost([1.5, 2.0, 1000.0][random.below(3)]),
        3..5 => Action::Bury([0.5, 0.001][random.below(2)]),
        _ => Action::Hide,
    };
    let mut condition = Condition::default();
    while condition == Condition::default() {
        let products = [PRODUCTS, &["unheard of"]].concat();
        let products = (0..random.below(4)).map(|_| random.one_of(&products)).collect();
        let mut is_given = || random.below(3) == 0;
        let [by_products, by_tag, by_category, least, most] = std::array::from_fn(|_| is_given());
        condition = Condition {
            products: if by_products { products } else { vec![] },
            tag: by_tag.then(|| random.one_of(&[TAGS, &["nothing"]].concat())),
            category: by_category.then(|| random.one_of(CATEGORIES)),
            price: PriceRange {
                least: least.then(|| random.number(5)),
                most: most.then(|| random.number(5)),
            },
        };
    }
    Rule {
        id: format!("rule {at}"),
        action,
        condition,
        placement: [None, None, Some(""), Some("home")][random.below(4)].map(str::to_owned),
        from: [None, Some(0), Some(NOON)][random.below(3)],
        until: [None, Some(NOON), Some(NOON + 1)][random.below(3)],
    }
}

/// Picks the worker that asks a query, if any does: only some rankings are asked for, of those that there are many of.
fn ask(query: Query, random: &mut Random, workers: usize) -> Option<(usize, Query)> {
    let one_of = match query {
        Query::Rank { basis: Basis::User(_) | Basis::Visit(_), .. } => 4,
        Query::Why { .. } => 40,
        _ => 1,
    };
    let asked = random.below(one_of) == 0;
    asked.then(|| (random.below(workers), query))
}

fn rank(basis: Basis, rules: Rules) -> Query {
    Query::Rank { basis, rules, own: None }
}

/// All queries, about names that occur and names that never do.
fn queries() -> impl Iterator<Item = Query> {
    let users =
        || USERS.iter().chain(GUESTS).chain(&["ann!", "nobody"]).map(|&user| String::from(user));
    let profiles = users().enumerate();
    let profiles = profiles.map(|(place, user)| Query::Profile { place, user, weights: None });
    let activities = users().map(|user| Query::Activity { user });
    let recommends =
        users().flat_map(|user| rules().map(move |rules| rank(Basis::User(user.clone()), rules)));
    let tags = TAGS.iter().chain(PRODUCTS).chain(&["office", "nothing"]);
    let tags = tags.map(|&tag| Basis::Tag(tag.into())).chain([Basis::Everything]);
    let trends = tags.flat_map(|tag| [0, 1, 3, 50].map(|n| rank(tag.clone(), first(n))));
    let products = PRODUCTS.iter().chain(&["nothing"]).map(|&product| String::from(product));
    let similar = products.map(|product| rank(Basis::Product(product), first(3)));
    let visits = [vec![], vec!["mug", "pen", "mug"], vec!["nothing", "toy"], PRODUCTS.to_vec()];
    let visits = visits.into_iter().flat_map(|visit| {
        let products: Vec<String> = visit.into_iter().map(String::from).collect();
        rules().map(move |rules| rank(Basis::Visit(products.clone()), rules))
    });
    let partitions = PARTITIONS.iter().chain(&["nowhere/0"]).enumerate();
    let positions = partitions
        .map(|(place, &partition)| Query::Position { place, partition: partition.into() });
    let positions = positions.chain([Query::Written]);
    let recents = [0, 3, 100].map(|limit| Query::Recent { limit, after: None });
    let touched = users().map(|user| Query::Touched { user });
    let listings = PRODUCTS.iter().chain(&["nothing"]);
    let listings = listings.flat_map(|&product| {
        let product = || product.into();
        [Query::Product { product: product() }, Query::ProductDays { product: product() }]
    });
    let searches = [&[][..], &["mug"], &["the", "re"], &["r", "t"], &["nothing"]];
    let searches = searches.into_iter().flat_map(|words| {
        let words: Vec<String> = words.iter().map(|&word| word.into()).collect();
        let after = [None, Some(("mug", "mug")), Some(("the", "oak")), Some(("red", "a"))];
        [1, 2, 50].into_iter().flat_map(move |n| {
            let words = words.clone();
            after.map(move |after| Query::Search {
                words: words.clone(),
                after: after.map(|(word, id)| (word.into(), id.into())),
                n,
            })
        })
    });
    let ranked = recommends.chain(trends).chain(similar).chain(visits);
    let bases = users().map(Basis::User).chain([
        Basis::Visit(PRODUCTS[..3].iter().map(|&product| product.into()).collect()),
        Basis::Product(PRODUCTS[0].into()),
        Basis::Everything,
    ]);
    let whys = bases.flat_map(|basis| {
        rules().flat_map(move |rules| {
            let (basis, rules) = (basis.clone(), rules);
            PRODUCTS.iter().chain(&["nothing"]).map(move |&product| Query::Why {
                basis: basis.clone(),
                rules: rules.clone(),
                product: product.into(),
            })
        })
    });
    // The digests first: they tell most.
    let digests = [Query::Digests].into_iter();
    digests
        .chain(profiles)
        .chain(activities)
        .chain(touched)
        .chain(ranked)
        .chain(whys)
        .chain(positions)
        .chain(recents)
        .chain(listings)
        .chain(searches)
}

/// The first `n` products with all reasons: which of equal ones are added up is free.
fn first(n: usize) -> Rules {
    Rules { reasons: usize::MAX, ..Rules::first(n) }
}

fn rules() -> impl Iterator<Item = Rules> {
    let all = || first(50);
    let text = |text: &str| vec![String::from(text)];
    let price = |least, most| PriceRange { least, most };
    let at = |placement: &str, now| Occasion { placement: placement.into(), now };
    [
        first(1),
        first(2),
        all(),
        Rules { offset: 2, leave_out_bought: false, ..first(2) },
        Rules { leave_out: LeaveOut::Current, ..all() },
        Rules { leave_out: LeaveOut::Visit, leave_out_bought: false, ..all() },
        Rules { exclude: text("mug"), without: text("red"), ..all() },
        Rules { only: text("wood"), ..all() },
        Rules { per_tag: Some(1), ..all() },
        Rules { only_categories: text("home"), ..all() },
        Rules { without_categories: text("home"), price: price(None, Some(3)), ..all() },
        Rules { price: price(Some(1), Some(2)), occasion: at("home", NOON), ..first(2) },
        Rules { occasion: at("home", NOON + 1), offset: 1, ..first(3) },
        Rules { occasion: at("", NOON), per_tag: Some(2), ..all() },
    ]
    .into_iter()
}
