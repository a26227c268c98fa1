//! The learned visits, by product: neighbours are chosen from them.

use crate::baselines::weighting::real;
use crate::clicks::Click;
use std::collections::{HashMap, HashSet};

/// A visit that was learned.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Its products, in order, with repetitions.
    pub(super) products: Vec<u32>,
    /// Its products without repetitions, in the order of their first clicks.
    pub(super) distinct: Vec<u32>,
    /// The time of its last click.
    pub(super) time: i64,
}

/// All visits, by product.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: HashMap<u32, Session>,
    by_product: HashMap<u32, Vec<u32>>,
    clicks: HashMap<u32, usize>,
}

impl Sessions {
    pub(super) fn learn(&mut self, click: &Click) {
        let session = self.sessions.entry(click.visit).or_default();
        session.time = click.time;
        session.products.push(click.product);
        if !session.distinct.contains(&click.product) {
            session.distinct.push(click.product);
            self.by_product.entry(click.product).or_default().push(click.visit);
        }
        *self.clicks.entry(click.product).or_default() += 1;
    }

    /// The latest visits that share a product with this one, at most `most`; this one is among them
    /// with `itself` alone.
    pub(super) fn candidates(&self, visit: &[Click], most: usize, itself: bool) -> Vec<&Session> {
        let mut seen: HashSet<u32> = HashSet::new();
        if let Some(click) = visit.first().filter(|_| !itself) {
            seen.insert(click.visit);
        }
        let mut found: Vec<(i64, u32)> = Vec::new();
        for click in visit {
            for &session in self.by_product.get(&click.product).into_iter().flatten() {
                if seen.insert(session) {
                    found.push((self.sessions[&session].time, session));
                }
            }
        }
        if found.len() > most && most > 0 {
            found.select_nth_unstable_by(most - 1, |a, b| b.cmp(a));
        }
        found.truncate(most);
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.into_iter().map(|(_, session)| &self.sessions[&session]).collect()
    }

    /// ln(visits / clicks on the product).
    pub(super) fn idf(&self, product: u32) -> f64 {
        let clicks = self.clicks.get(&product).copied().unwrap_or(1);
        (real(self.sessions.len()) / real(clicks)).ln()
    }
}
