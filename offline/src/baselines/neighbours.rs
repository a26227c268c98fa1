//! S-kNN, and the part that all neighbour methods share.

use crate::baselines::scores::{Scores, best};
use crate::baselines::sessions::{Session, Sessions};
use crate::baselines::weighting::real;
use crate::clicks::Click;
use crate::recommender::Recommender;
use std::collections::HashSet;

/// The difference between the neighbour methods: how alike two visits are, and how much a neighbour's
/// products weigh.
pub trait Similarity {
    /// A visit's part of the sums, which is worked out once for all neighbours.
    type Visit;

    /// Prepares a visit for the comparisons.
    fn visit(&self, clicks: &[Click]) -> Self::Visit;

    /// The similarity of a visit and a learned one; 0 is none. `distinct` holds the products of the
    /// learned one, `time` is the time of its last click.
    fn alike(&self, visit: &Self::Visit, distinct: &[u32], time: i64) -> f64;

    /// The weight of each of a neighbour's products, in the order of `distinct`. `idf` is the rarity
    /// of a product.
    fn weights(
        &self,
        visit: &Self::Visit,
        products: &[u32],
        distinct: &[u32],
        idf: &dyn Fn(u32) -> f64,
    ) -> Vec<f64>;
}

/// Of the `sample` latest visits that share a product with a visit, the `k` most similar are its
/// neighbours. A product's score is the sum, over the neighbours, of similarity times weight.
pub struct Neighbours<S> {
    k: usize,
    sample: usize,
    itself: bool,
    similarity: S,
    sessions: Sessions,
}

impl<S: Similarity> Neighbours<S> {
    /// A method that knows no visit yet. With `itself`, a visit is its own neighbour as far as it has
    /// been learned: session-rec learns visits as a whole, but here every click is learned at once.
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
        // Ties go to the later visit: the sort is stable, and candidates come latest first.
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

/// S-kNN: the cosine of two sets of products, and equal weights for a neighbour's products.
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
