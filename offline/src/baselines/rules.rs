//! Association rules (AR) and sequential rules (SR): products that come with, or after, the current one.

use crate::baselines::scores::{Scores, best};
use crate::baselines::weighting::Weighting;
use crate::clicks::Click;
use crate::recommender::Recommender;
use std::collections::HashMap;

/// The number of clicks that a sequential rule reaches back.
const STEPS: usize = 10;

/// By product, the weights of others. session-rec keeps the best 20 of each, which makes no difference
/// to a list of 20.
#[derive(Default)]
struct Rules {
    rows: HashMap<u32, Scores>,
    /// The products of each visit.
    visits: HashMap<u32, Vec<u32>>,
}

impl Rules {
    fn add(&mut self, from: u32, to: u32, weight: f64) {
        *self.rows.entry(from).or_default().entry(to).or_default() += weight;
    }

    fn rank(&self, visit: &[Click], n: usize) -> Vec<u32> {
        let row = visit.last().and_then(|current| self.rows.get(&current.product));
        row.map_or_else(Vec::new, |row| best(row.iter().map(|(&to, &weight)| (to, weight)), n))
    }
}

/// AR: counts the visits' pairs of different products.
#[derive(Default)]
pub struct Association(Rules);

impl Recommender for Association {
    fn learn(&mut self, click: &Click) {
        let before = self.0.visits.entry(click.visit).or_default().clone();
        for other in before.into_iter().filter(|&other| other != click.product) {
            self.0.add(other, click.product, 1.0);
            self.0.add(click.product, other, 1.0);
        }
        self.0.visits.entry(click.visit).or_default().push(click.product);
    }

    fn rank(&mut self, visit: &[Click], n: usize) -> Vec<u32> {
        self.0.rank(visit, n)
    }
}

/// SR: counts the pairs of a product and a later one, weighted by the clicks between them.
pub struct Sequential {
    rules: Rules,
    weighting: Weighting,
}

impl Sequential {
    /// A method that has learned nothing, with the weight of a pair by its distance.
    pub fn new(weighting: Weighting) -> Sequential {
        Sequential { rules: Rules::default(), weighting }
    }
}

impl Recommender for Sequential {
    fn learn(&mut self, click: &Click) {
        let visit = self.rules.visits.entry(click.visit).or_default();
        let before: Vec<u32> = visit.iter().rev().take(STEPS).copied().collect();
        visit.push(click.product);
        for (step, from) in (1..).zip(before) {
            self.rules.add(from, click.product, self.weighting.of_step(step));
        }
    }

    fn rank(&mut self, visit: &[Click], n: usize) -> Vec<u32> {
        self.rules.rank(visit, n)
    }
}
