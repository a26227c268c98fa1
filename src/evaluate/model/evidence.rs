//! What the model keeps: rows of worths, what users did, and how often they go back.

use crate::evaluate::Click;
use crate::evaluate::clicks::PAUSE;
use std::collections::HashMap;

/// How many events of a visit pair with a new one, so that a bot can't stall everyone.
const PAIRED: usize = 200;
/// How many places back are told apart.
const PLACES: usize = 20;
/// How many clicks the guess at a share counts as.
const GUESSED: f64 = 20.0;
/// A day in milliseconds.
const DAY: i64 = 86_400_000;

/// Products and what each is worth.
#[derive(Debug, Default)]
pub(super) struct Row {
    worths: HashMap<u32, f64>,
    mass: f64,
}

impl Row {
    pub(super) fn add(&mut self, product: u32, worth: f64) {
        *self.worths.entry(product).or_default() += worth;
        self.mass += worth;
    }

    /// The sum of all.
    pub(super) fn mass(&self) -> f64 {
        self.mass
    }

    /// The best, in no order.
    pub(super) fn top(&self, n: usize) -> Vec<(u32, f64)> {
        let mut top: Vec<(u32, f64)> = self.worths.iter().map(|(&q, &worth)| (q, worth)).collect();
        if top.len() > n {
            top.select_nth_unstable_by(n, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            top.truncate(n);
        }
        // The order of a hash map differs from run to run, and with it the last bits of sums.
        top.sort_unstable_by_key(|&(product, _)| product);
        top
    }
}

/// What goes with each product.
#[derive(Debug, Default)]
pub(super) struct Rows(HashMap<u32, Row>);

impl Rows {
    pub(super) fn add(&mut self, from: u32, to: u32, worth: f64) {
        self.0.entry(from).or_default().add(to, worth);
    }

    pub(super) fn of(&self, product: u32) -> Option<&Row> {
        self.0.get(&product)
    }
}

/// What every user did, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    users: HashMap<u32, Vec<Click>>,
    first: Option<i64>,
}

impl History {
    /// Remembers when all began.
    pub(super) fn begin(&mut self, time: i64) {
        self.first.get_or_insert(time.div_euclid(DAY));
    }

    /// The day of the first click of all.
    pub(super) fn first_day(&self) -> i64 {
        self.first.unwrap_or(0)
    }

    pub(super) fn push(&mut self, click: Click) {
        self.users.entry(click.user).or_default().push(click);
    }

    /// What the click's user did within half an hour before it, newest first.
    pub(super) fn visit(&self, click: &Click) -> Vec<Click> {
        let past = self.users.get(&click.user).into_iter().flatten().rev().take(PAIRED);
        past.take_while(|other| click.time - other.time <= PAUSE).copied().collect()
    }

    /// Products that a visit's user touched before it and not in it, newest first.
    pub(super) fn earlier(&self, visit: &[Click], seen: &[u32], most: usize) -> Vec<u32> {
        let Some(first) = visit.first() else { return Vec::new() };
        let past = self.users.get(&first.user).into_iter().flatten().rev();
        let mut earlier = Vec::new();
        for Click { product, .. } in past.filter(|click| click.time < first.time) {
            if earlier.len() == most {
                break;
            }
            if !seen.contains(product) && !earlier.contains(product) {
                earlier.push(*product);
            }
        }
        earlier
    }
}

/// How often visitors go back to what they have just seen, by how many products back.
#[derive(Debug, Default)]
pub(super) struct Habits {
    back: [f64; PLACES],
    asked: [f64; PLACES],
}

impl Habits {
    /// Learns a click, after products of its visit, newest first.
    pub(super) fn learn(&mut self, seen: &[u32], product: u32) {
        for (place, &other) in seen.iter().enumerate().take(PLACES) {
            self.asked[place] += 1.0;
            if other == product {
                self.back[place] += 1.0;
            }
        }
    }

    /// The share of clicks that go back to a place, with a guess until enough is known.
    pub(super) fn share(&self, place: usize) -> f64 {
        let guess = 0.3 * (-real(place) / 1.5).exp();
        if place >= PLACES {
            return 0.0;
        }
        (self.back[place] + GUESSED * guess) / (self.asked[place] + GUESSED)
    }
}

/// Products of clicks, each at its first.
pub(super) fn places<'a>(clicks: impl Iterator<Item = &'a Click>) -> Vec<u32> {
    let mut places = Vec::new();
    for click in clicks {
        if !places.contains(&click.product) {
            places.push(click.product);
        }
    }
    places
}

/// e^(days since the first / fade): worths that grow need not be faded one by one.
pub(super) fn grown(time: i64, first_day: i64, fade_days: f64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "days are below 2^53")]
    let days = (time.div_euclid(DAY) - first_day) as f64;
    (days / fade_days).exp()
}

/// A small count as a real number.
#[allow(clippy::cast_precision_loss, reason = "no visit has 2^53 products")]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}
