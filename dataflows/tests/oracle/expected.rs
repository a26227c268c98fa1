//! What must come out, said as plainly as can be: everything is counted anew for every question.

use crate::script::Step;
use dataflows::block::owner;
use dataflows::catalogue::Product;
use dataflows::event::Kind;
use dataflows::questions::{Part, What};
use dataflows::recent::OwnedEvent;
use dataflows::recommend::{OVERALL_SHARE, Popular, TAGS};
use dataflows::weights::{Score, Weights};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Scores, highest first, ties by name.
type Scores = Vec<(String, Score)>;

/// All that has come in so far.
#[derive(Default)]
pub(crate) struct Oracle {
    peers: usize,
    events: Vec<OwnedEvent>,
    catalogue: BTreeMap<String, Product>,
    weights: Weights,
    positions: BTreeMap<String, i64>,
}

impl Oracle {
    pub(crate) fn new(peers: usize) -> Oracle {
        Oracle { peers, ..Oracle::default() }
    }

    /// Takes in a step.
    pub(crate) fn take(&mut self, step: &Step) {
        self.events.extend(step.events.iter().cloned());
        for (id, row) in &step.rows {
            match row {
                Some(row) => self.catalogue.insert(id.clone(), row.clone()),
                None => self.catalogue.remove(id),
            };
        }
        self.weights = step.weights.unwrap_or(self.weights);
        for (partition, by) in &step.advances {
            *self.positions.entry(partition.clone()).or_default() += by;
        }
    }

    /// The parts of an answer, in any order.
    pub(crate) fn parts(&self, what: &What) -> Vec<Part> {
        match what {
            What::Profile { place, user } => vec![Part::Profile(*place, self.profile(user))],
            What::Activity { user } => self.activity(user).into_iter().collect(),
            What::Recommend { user, n } => {
                let bought = self.bought(user);
                let mut popular = Vec::new();
                for (tag, share) in self.shares(user) {
                    popular.push(self.popular(&tag, share, n + bought.len()));
                }
                popular.extend(self.overall(OVERALL_SHARE, n + bought.len()));
                let mut parts = self.described(popular);
                parts.push(Part::Bought(bought.into_iter().collect()));
                parts
            }
            What::Trending { tag: Some(tag), n } => {
                self.described(vec![self.popular(tag, 1.0, *n)])
            }
            What::Trending { tag: None, n } => self.described(self.overall(1.0, *n)),
            What::Recent { limit } => {
                (0..self.peers).map(|peer| self.recent(peer, *limit)).collect()
            }
            What::Position { place, partition } => {
                let next = self.positions.get(partition).copied().unwrap_or_default();
                vec![Part::Position(*place, next)]
            }
        }
    }

    /// The best of everything that is counted by tag or overall, wherever it lies.
    pub(crate) fn trending(&self, tag: Option<&str>, n: usize) -> Scores {
        let mut products = self.products(tag);
        products.truncate(n);
        products
    }

    /// `Σ_t share_t · popularity_t(q) / max popularity_t`, and ε of what is popular overall.
    pub(crate) fn ranking(&self, user: &str) -> Vec<(String, f64)> {
        let mut terms: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let tags = self.shares(user).into_iter().map(|(tag, share)| (Some(tag), share));
        for (tag, share) in tags.chain([(None, OVERALL_SHARE)]) {
            let products = self.products(tag.as_deref());
            let most = products.first().map_or(0.0, |(_, score)| score.to_f64());
            for (product, score) in products.into_iter().filter(|(_, score)| score.0 > 0) {
                terms.entry(product).or_default().push(share * score.to_f64() / most);
            }
        }
        for product in self.bought(user) {
            terms.remove(&product);
        }
        // Summed up from the largest, as the ranking does: floats are not associative.
        let sum = |mut terms: Vec<f64>| {
            terms.sort_by(|one, other| other.total_cmp(one));
            terms.into_iter().sum::<f64>()
        };
        let mut ranking: Vec<_> = terms.into_iter().map(|(q, terms)| (q, sum(terms))).collect();
        ranking.sort_by(|one, other| other.1.total_cmp(&one.1));
        ranking
    }

    /// The tags under which an event counts now.
    fn tags<'a>(&'a self, event: &'a OwnedEvent) -> Vec<&'a str> {
        let row = self.catalogue.get(&event.product);
        let row: &[String] = row.map_or(&[], |row| &row.tags);
        let tags = if event.tags.is_empty() { row } else { &event.tags };
        match (tags, event.category.as_str()) {
            ([], "") => vec![&event.product],
            ([], category) => vec![category],
            (tags, _) => tags.iter().map(String::as_str).collect(),
        }
    }

    /// Adds up the events that are counted under names. Names that no event has are absent.
    fn scores<'a>(&'a self, names: impl Fn(&'a OwnedEvent) -> Vec<&'a str>) -> Scores {
        let mut scores: BTreeMap<&str, i64> = BTreeMap::new();
        for event in &self.events {
            for name in names(event) {
                *scores.entry(name).or_default() += self.weights.of(event.kind).0;
            }
        }
        let mut scores: Scores =
            scores.into_iter().map(|(name, score)| (name.into(), Score(score))).collect();
        scores.sort_by_key(|(_, score)| Reverse(*score));
        scores
    }

    fn profile(&self, user: &str) -> Scores {
        let tags = |event| if event_of(event, user) { self.tags(event) } else { vec![] };
        let mut profile = self.scores(tags);
        profile.retain(|(_, score)| *score != Score(0));
        profile
    }

    fn shares(&self, user: &str) -> Vec<(String, f64)> {
        let mut profile = self.profile(user);
        profile.truncate(TAGS);
        let total: f64 = profile.iter().map(|(_, score)| score.to_f64()).sum();
        profile.into_iter().map(|(tag, score)| (tag, score.to_f64() / total)).collect()
    }

    fn products(&self, tag: Option<&str>) -> Scores {
        self.scores(|event| match tag {
            None => vec![&event.product],
            Some(tag) if self.tags(event).contains(&tag) => vec![&event.product],
            Some(_) => vec![],
        })
    }

    fn popular(&self, tag: &str, share: f64, n: usize) -> Popular {
        Popular { tag: Some(tag.into()), share, products: self.trending(Some(tag), n) }
    }

    /// From each worker the best of the products that it owns.
    fn overall(&self, share: f64, n: usize) -> Vec<Popular> {
        let of = |peer| {
            let mut products = self.products(None);
            products.retain(|(product, _)| owner(product, self.peers) == peer);
            products.truncate(n);
            Popular { tag: None, share, products }
        };
        (0..self.peers).map(of).collect()
    }

    /// What is popular, and the rows of all products there.
    fn described(&self, popular: Vec<Popular>) -> Vec<Part> {
        let products = popular.iter().flat_map(|popular| &popular.products);
        let products: BTreeSet<&String> = products.map(|(product, _)| product).collect();
        let rows = products
            .into_iter()
            .filter_map(|id| Some(Part::Product(id.clone(), self.catalogue.get(id)?.clone())));
        let rows: Vec<Part> = rows.collect();
        popular.into_iter().map(Part::Popular).chain(rows).collect()
    }

    fn bought(&self, user: &str) -> BTreeSet<String> {
        let events = self.events.iter().filter(|event| event_of(event, user));
        let purchases = events.filter(|event| event.kind == Kind::Purchase);
        purchases.map(|event| event.product.clone()).collect()
    }

    fn activity(&self, user: &str) -> Option<Part> {
        let events = || self.events.iter().filter(|event| event_of(event, user));
        let last = events().map(|event| event.time.max(0) / 60_000).max()?;
        let total = |kind| events().map(|event| i64::from(event.kind == kind)).sum();
        let last = u32::try_from(last).expect("scripts stay in the first hour");
        Some(Part::Activity(last, Kind::ALL.map(total)))
    }

    fn recent(&self, peer: usize, limit: usize) -> Part {
        let events = self.events.iter().rev();
        let mut events: Vec<OwnedEvent> =
            events.filter(|event| owner(&event.user, self.peers) == peer).cloned().collect();
        events.sort_by_key(|event| Reverse(event.time));
        events.truncate(limit);
        Part::Recent(events)
    }
}

fn event_of(event: &OwnedEvent, user: &str) -> bool {
    event.user == user
}
