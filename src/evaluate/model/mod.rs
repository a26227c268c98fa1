//! Our ranking from scratch, in memory: what the dataflow's answers are measured by.
//!
//! With i over the newest products of the visit (place 0 the newest) and of what was before, W what
//! goes with i, m its mass and P what is popular:
//!
//! ```text
//! score(q) = (1 − R) · Σ_i u_i · (W[i][q] / (m_i + doubt) + tags · P_tags[q])  /  Σ_visit u_i
//!          + repeat(place of q)                          where q is in the visit; R is their sum
//!          + earlier_repeat · e^(-place / earlier_recency)     where it was touched before
//!          + trend · P[q]                                where the list is not full
//! u_i = e^(-place / recency) in the visit, earlier · e^(-place / earlier_recency) before
//! ```
//!
//! `repeat(place)` is the share of all clicks that went back so many products, as learned so far:
//! shops differ in it more than in anything else. Every term is a sum over single products, tags
//! and events. A product of which little is known says little, because of `doubt`.

mod evidence;

#[cfg(test)]
mod tests;

use super::recommender::{Scores, best};
use super::{Click, Clicks, Recommender};
use evidence::{Habits, History, Row, Rows, places};
use std::collections::HashMap;

/// The constants of the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constants {
    /// What a view, a cart and a purchase are worth.
    pub kinds: [f64; 3],
    /// How many of the newest products of the visit count.
    pub products: usize,
    /// After how many of them one counts 1/e.
    pub recency: f64,
    /// What it counts that a product came before, against after.
    pub before: f64,
    /// How many events of doubt a row's own are held against.
    pub doubt: f64,
    /// After how many days evidence counts 1/e.
    pub fade_days: f64,
    /// What a product of the visit gets at least for being in it: at the newest, and after how many
    /// products that is 1/e.
    pub repeat: f64,
    /// After how many products that is 1/e.
    pub repeat_recency: f64,
    /// What the newest product from before the visit counts, against the newest of the visit.
    pub earlier: f64,
    /// How many of those products count.
    pub earlier_products: usize,
    /// After how many of them one counts 1/e.
    pub earlier_recency: f64,
    /// What it adds that a product was touched before the visit.
    pub earlier_repeat: f64,
    /// What is popular in the visit's tags.
    pub tags: f64,
    /// What is popular overall.
    pub trend: f64,
}

impl Default for Constants {
    fn default() -> Constants {
        Constants {
            kinds: [1.0, 3.0, 5.0],
            products: 10,
            recency: 2.0,
            before: 0.5,
            doubt: 20.0,
            fade_days: 4.0,
            repeat: 0.03,
            repeat_recency: 2.0,
            earlier: 0.02,
            earlier_products: 50,
            earlier_recency: 30.0,
            earlier_repeat: 0.006,
            tags: 0.3,
            trend: 0.01,
        }
    }
}

/// How many of what is popular in a tag, or overall, are looked at.
const POPULAR: usize = 100;
/// How many partners of a product are looked at.
const PARTNERS: usize = 500;

/// The model.
pub struct Model {
    constants: Constants,
    tags_of: Vec<Vec<u32>>,
    rows: Rows,
    by_tag: HashMap<u32, Row>,
    overall: Row,
    history: History,
    habits: Habits,
    /// The time of the newest click.
    now: i64,
}

/// A product that speaks for others, and how loudly.
struct Voice {
    product: u32,
    weight: f64,
}

impl Model {
    /// A model with the constants that are served, that has learned nothing.
    pub fn new(clicks: &Clicks) -> Model {
        Model::with(clicks, Constants::default())
    }

    /// A model with other constants.
    pub fn with(clicks: &Clicks, constants: Constants) -> Model {
        Model {
            constants,
            tags_of: clicks.tags_of.clone(),
            rows: Rows::default(),
            by_tag: HashMap::new(),
            overall: Row::default(),
            history: History::default(),
            habits: Habits::default(),
            now: 0,
        }
    }

    /// Scores what a visit speaks for; `n` products fill a list.
    fn scores(&self, visit: &[Click], n: usize) -> Scores {
        let c = &self.constants;
        let seen = places(visit.iter().rev());
        let earlier = self.history.earlier(visit, &seen, c.earlier_products);
        let voice = |factor: f64, recency: f64| {
            move |(place, &product): (usize, &u32)| Voice {
                product,
                weight: factor * fade(place, recency),
            }
        };
        let voices: Vec<Voice> =
            seen.iter().take(c.products).enumerate().map(voice(1.0, c.recency)).collect();
        let whole: f64 = voices.iter().map(|voice| voice.weight).sum();
        let before = earlier.iter().enumerate().map(voice(c.earlier, c.earlier_recency));

        let repeats: Vec<f64> = (0..seen.len())
            .map(|place| self.habits.share(place) + c.repeat * fade(place, c.repeat_recency))
            .collect();
        // A visit of many products can't be all repeats.
        let rest = (1.0 - repeats.iter().sum::<f64>()).max(0.05);

        let mut scores = Scores::new();
        for voice in &voices {
            self.tagged(voice, rest * c.tags / whole, &mut scores);
        }
        for Voice { product, weight } in voices.into_iter().chain(before) {
            self.partners(product, rest * weight / whole, &mut scores);
        }
        for (&product, repeat) in seen.iter().zip(repeats) {
            *scores.entry(product).or_default() += repeat;
        }
        for (place, &product) in earlier.iter().enumerate() {
            *scores.entry(product).or_default() +=
                c.earlier_repeat * fade(place, c.earlier_recency);
        }
        if scores.len() < n {
            for (product, worth) in self.overall.top(POPULAR) {
                *scores.entry(product).or_default() += c.trend * worth / self.overall.mass();
            }
        }
        scores
    }

    /// What goes with a product.
    fn partners(&self, product: u32, factor: f64, scores: &mut Scores) {
        let Some(row) = self.rows.of(product) else { return };
        // What rows hold grows with time instead of fading.
        let today = self.grown(self.now);
        let doubtful = row.mass() / today + self.constants.doubt;
        for (partner, worth) in row.top(PARTNERS) {
            *scores.entry(partner).or_default() += factor * worth / today / doubtful;
        }
    }

    /// What is popular in a product's tags.
    fn tagged(&self, voice: &Voice, factor: f64, scores: &mut Scores) {
        let tags = &self.tags_of[voice.product as usize];
        for row in tags.iter().filter_map(|tag| self.by_tag.get(tag)) {
            let factor = factor * voice.weight / evidence::real(tags.len()) / row.mass();
            for (product, worth) in row.top(POPULAR) {
                *scores.entry(product).or_default() += factor * worth;
            }
        }
    }

    /// What an event of a time is worth, against one of the epoch's first day.
    fn grown(&self, time: i64) -> f64 {
        evidence::grown(time, self.history.first_day(), self.constants.fade_days)
    }
}

impl Recommender for Model {
    fn learn(&mut self, click: &Click) {
        self.now = self.now.max(click.time);
        let c = self.constants;
        let seen = self.history.visit(click);
        self.habits.learn(&places(seen.iter()), click.product);
        self.history.begin(click.time);
        let grown = self.grown(click.time);
        let worth = |click: &Click| grown * c.kinds[click.kind.index()];
        for other in &seen {
            if (other.time, other.product) == (click.time, click.product) {
                continue;
            }
            let before = if other.time == click.time { 1.0 } else { c.before };
            self.rows.add(other.product, click.product, worth(click));
            self.rows.add(click.product, other.product, before * worth(other));
        }
        for &tag in &self.tags_of[click.product as usize] {
            self.by_tag.entry(tag).or_default().add(click.product, worth(click));
        }
        self.overall.add(click.product, worth(click));
        self.history.push(*click);
    }

    fn rank(&mut self, visit: &[Click], n: usize) -> Vec<u32> {
        self.now = visit.last().map_or(self.now, |click| self.now.max(click.time));
        best(self.scores(visit, n), n)
    }
}

/// What a place counts, when so many places on count 1/e.
fn fade(place: usize, recency: f64) -> f64 {
    (-evidence::real(place) / recency).exp()
}
