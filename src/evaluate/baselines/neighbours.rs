//! S-kNN, and what all neighbour methods have in common.

use super::sessions::{Session, Sessions};
use super::weighting::real;
use crate::evaluate::recommender::{Scores, best};
use crate::evaluate::{Click, Recommender};
use std::collections::HashSet;

/// What tells the neighbour methods apart.
pub trait Similarity {
    /// What is worked out once for a visit.
    type Visit;

    /// Looks at the visit.
    fn visit(&self, clicks: &[Click]) -> Self::Visit;

    /// How alike a visit and a learned one are; 0 is not at all. `distinct` are the products of
    /// the learned one, `time` is of its last click.
    fn alike(&self, visit: &Self::Visit, distinct: &[u32], time: i64) -> f64;

    /// The weight of each of a neighbour's products, in the order of `distinct`. `idf` tells how
    /// rare a product is.
    fn weights(
        &self,
        visit: &Self::Visit,
        products: &[u32],
        distinct: &[u32],
        idf: &dyn Fn(u32) -> f64,
    ) -> Vec<f64>;
}

/// The `k` most alike of the `sample` latest visits that share a product; a product's score is the
/// sum of their likeness and its weight in each.
pub struct Neighbours<S> {
    k: usize,
    sample: usize,
    itself: bool,
    similarity: S,
    sessions: Sessions,
}

impl<S: Similarity> Neighbours<S> {
    /// Knows no visit yet. With `itself`, a visit is its own neighbour as far as it has been learned:
    /// session-rec never learns a visit before its end, but a method that learns every click does.
    pub fn new(k: usize, sample: usize, itself: bool, similarity: S) -> Neighbours<S> {
        Neighbours { k, sample, itself, similarity, sessions: Sessions::default() }
    }

    /// The score of each product of the neighbours.
    pub(super) fn scores(&self, clicks: &[Click]) -> Scores {
        let visit = self.similarity.visit(clicks);
        let candidates = self.sessions.candidates(clicks, self.sample, self.itself).into_iter();
        let mut alike: Vec<(f64, &Session)> = candidates
            .map(|session| {
                (self.similarity.alike(&visit, &session.distinct, session.time), session)
            })
            .filter(|&(alike, _)| alike > 0.0)
            .collect();
        // Of equals the later one: the sort is stable, and candidates come latest first.
        alike.sort_by(|one, other| other.0.total_cmp(&one.0));
        alike.truncate(self.k);
        let idf = |product| self.sessions.idf(product);
        let mut scores = Scores::new();
        for (alike, Session { products, distinct, .. }) in alike {
            let weights = self.similarity.weights(&visit, products, distinct, &idf);
            for (&product, weight) in distinct.iter().zip(weights) {
                *scores.entry(product).or_default() += alike * weight;
            }
        }
        scores
    }
}

impl<S: Similarity> Recommender for Neighbours<S> {
    fn learn(&mut self, click: &Click) {
        self.sessions.learn(click);
    }

    fn rank(&mut self, visit: &[Click], n: usize) -> Vec<u32> {
        best(self.scores(visit), n)
    }
}

/// S-kNN: the cosine of two sets of products, and every product of a neighbour alike.
#[derive(Clone, Copy, Debug)]
pub struct Cosine;

impl Similarity for Cosine {
    type Visit = HashSet<u32>;

    fn visit(&self, clicks: &[Click]) -> HashSet<u32> {
        clicks.iter().map(|click| click.product).collect()
    }

    fn alike(&self, visit: &HashSet<u32>, distinct: &[u32], _time: i64) -> f64 {
        let shared = distinct.iter().filter(|product| visit.contains(product)).count();
        real(shared) / (real(visit.len()) * real(distinct.len())).sqrt()
    }

    fn weights(
        &self,
        _visit: &HashSet<u32>,
        _products: &[u32],
        distinct: &[u32],
        _idf: &dyn Fn(u32) -> f64,
    ) -> Vec<f64> {
        vec![1.0; distinct.len()]
    }
}
