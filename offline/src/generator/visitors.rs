//! The visitors: many at a time, each on a visit of their own.

use crate::generator::shop::{Shop, draw, zipf};
use dataflows::record::event::Kind;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::Zipf;
use std::io::Write;

/// The most visits that go on at a time: few enough that the first carts are soon paid for.
const AT_A_TIME: usize = 100;

/// One action of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The kind of action.
    pub kind: Kind,
    /// The user's number; their id is `user` and this number.
    pub user: usize,
    /// The product's index in [`Shop::items`].
    pub product: usize,
    /// The visit's number.
    pub visit: u64,
    /// The event's number.
    pub number: u64,
}

/// A visit: one user looks around in a category, and may buy something in the end.
struct Visit {
    user: usize,
    number: u64,
    category: usize,
    /// The number of pages still to look at.
    pages: u32,
    /// The product that was looked at last.
    last: Option<usize>,
    /// True while that product may be put into the cart.
    fresh: bool,
    cart: Vec<usize>,
}

/// All visitors of a shop: an endless stream of actions.
pub struct Visitors<'a> {
    shop: &'a Shop,
    rng: StdRng,
    /// The distribution of users: some come every day.
    users: Zipf<f64>,
    visits: Vec<Visit>,
    begun: u64,
    steps: u64,
    seed: u64,
}

impl<'a> Visitors<'a> {
    /// The visitors of a shop with so many users, at least one.
    pub fn new(shop: &'a Shop, users: usize, seed: u64) -> Visitors<'a> {
        let (rng, ranks, visits) = (StdRng::seed_from_u64(!seed), zipf(users, 0.8), Vec::new());
        let mut visitors = Visitors { shop, rng, users: ranks, visits, begun: 0, steps: 0, seed };
        for _ in 0..users.clamp(1, AT_A_TIME) {
            let visit = visitors.visit();
            visitors.visits.push(visit);
        }
        visitors
    }

    /// The next action of one of the visitors.
    pub fn step(&mut self) -> Step {
        let index = self.rng.random_range(0..self.visits.len());
        if self.visits[index].is_over() {
            self.visits[index] = self.visit();
        }
        let visit = &mut self.visits[index];
        let (kind, product) = visit.act(self.shop, &mut self.rng);
        self.steps += 1;
        Step { kind, user: visit.user, product, visit: visit.number, number: self.steps }
    }

    /// Appends a step as an event's JSON, `time` in milliseconds since the Unix epoch.
    pub fn write(&self, step: &Step, time: i64, out: &mut Vec<u8>) {
        let item = &self.shop.items()[step.product];
        let (kind, user, seed) = (step.kind.name(), step.user, self.seed);
        let [thing, style] = item.tags;
        let Step { visit, number, .. } = step;
        let (product, category) = (&item.id, item.category);
        // None of the texts has a character that JSON escapes.
        write!(
            out,
            r#"{{"eventType":"{kind}","userId":"user{user}","product":"{product}","timestamp":"{}","tags":["{thing}","{style}"],"category":"{category}","eventId":"e{seed:x}-{number}","sessionId":"v{seed:x}-{visit}"}}"#,
            Iso(time),
        )
        .expect("a Vec takes all that is written");
    }

    fn visit(&mut self) -> Visit {
        let user = 1 + draw(&self.users, &mut self.rng);
        let categories = self.shop.categories();
        // Everyone has two favourites, and is now and then curious.
        let favourite = (user * 7 + self.rng.random_range(0..2) * 3) % categories;
        let curious = self.rng.random_bool(0.15);
        let category = if curious { self.rng.random_range(0..categories) } else { favourite };
        // Most visits are short.
        let mut pages = 1;
        while pages < 40 && self.rng.random_bool(0.78) {
            pages += 1;
        }
        self.begun += 1;
        let number = self.begun;
        Visit { user, number, category, pages, last: None, fresh: false, cart: Vec::new() }
    }
}

impl Visit {
    fn is_over(&self) -> bool {
        self.pages == 0 && self.cart.is_empty()
    }

    /// Looks at a product, puts the last one into the cart, or pays. Three in a hundred views end in a
    /// purchase, as in real shops.
    fn act(&mut self, shop: &Shop, rng: &mut StdRng) -> (Kind, usize) {
        if let Some(product) = self.last.filter(|_| self.fresh && rng.random_bool(0.09)) {
            self.fresh = false;
            self.cart.push(product);
            return (Kind::AddToCart, product);
        }
        if self.pages == 0
            && let Some(product) = self.cart.pop()
        {
            // Most carts are left behind; a visitor who pays for one product pays for all.
            return (Kind::Purchase, product);
        }
        self.pages = self.pages.saturating_sub(1);
        let product = match self.last {
            Some(last) if rng.random_bool(0.5) => shop.beside(self.category, last, rng),
            Some(last) if rng.random_bool(0.1) => last,
            _ => shop.browse(self.category, rng),
        };
        self.last = Some(product);
        self.fresh = !self.cart.contains(&product);
        if self.pages == 0 && rng.random_bool(0.6) {
            self.cart.clear();
        }
        (Kind::View, product)
    }
}

/// A time as ISO 8601, to the millisecond: `2025-04-01T12:00:00.000Z`.
struct Iso(i64);

impl std::fmt::Display for Iso {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(f, "{time:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parser::{Scratch, Written, parse_event};
    use std::collections::HashMap;

    const TIME: i64 = 1_743_508_800_000;

    fn events(seed: u64, count: usize) -> (Vec<Step>, Vec<u8>) {
        let shop = Shop::new(500, seed);
        let mut visitors = Visitors::new(&shop, 200, seed);
        let (mut steps, mut json) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let step = visitors.step();
            visitors.write(&step, TIME, &mut json);
            json.push(b'\n');
            steps.push(step);
        }
        (steps, json)
    }

    #[test]
    fn the_seed_decides_everything() {
        assert!(events(1, 2_000) == events(1, 2_000));
        assert!(events(1, 2_000).0 != events(2, 2_000).0);
    }

    #[test]
    fn the_parser_takes_every_event_as_it_was_made() {
        let (steps, json) = events(3, 5_000);
        let shop = Shop::new(500, 3);
        let mut scratch = Scratch::default();
        for (step, line) in steps.iter().zip(json.split(|&byte| byte == b'\n')) {
            let event =
                parse_event(line, Some(step.kind), Written::At(TIME), &mut scratch).unwrap();
            let item = &shop.items()[step.product];
            assert_eq!((event.time, event.user), (TIME, &*format!("user{}", step.user)));
            assert_eq!((event.product, event.category), (&*item.id, item.category));
            assert_eq!(event.tags, item.tags);
        }
    }

    #[test]
    fn it_is_a_funnel_and_some_are_loved_more() {
        let (steps, _) = events(4, 100_000);
        let share = |kind| {
            let of_kind = steps.iter().filter(|step| step.kind == kind).count();
            of_kind * 1_000 / steps.len()
        };
        assert!((850..950).contains(&share(Kind::View)), "{}", share(Kind::View));
        assert!((40..100).contains(&share(Kind::AddToCart)), "{}", share(Kind::AddToCart));
        assert!((15..50).contains(&share(Kind::Purchase)), "{}", share(Kind::Purchase));
        let mut views: HashMap<usize, usize> = HashMap::new();
        steps.iter().for_each(|step| *views.entry(step.product).or_default() += 1);
        let mut views: Vec<usize> = views.into_values().collect();
        views.sort_unstable_by(|a, b| b.cmp(a));
        let top: usize = views[..25].iter().sum();
        assert!(top * 100 / steps.len() > 15, "the top twentieth has {top} of {}", steps.len());
    }

    #[test]
    fn what_is_bought_was_put_into_the_cart_in_the_same_visit() {
        let (steps, _) = events(5, 50_000);
        let mut carts: HashMap<(u64, usize), Kind> = HashMap::new();
        for step in &steps {
            let before = carts.insert((step.visit, step.product), step.kind);
            match step.kind {
                Kind::View => {}
                Kind::AddToCart => assert!(before.is_some(), "{step:?}"),
                Kind::Purchase => assert!(before.is_some(), "{step:?}"),
            }
        }
    }
}
