//! What is evaluated: something that learns clicks and says what comes next.

use super::Click;
use std::collections::HashMap;

/// A method that learns from one click after the other.
pub trait Recommender {
    /// Learns a click. Times never fall.
    fn learn(&mut self, click: &Click);

    /// The products that may come next in a visit, the most likely first, at most `n`, none twice.
    /// `visit` is what was done in it so far, oldest first, and never empty; it may or may not have
    /// been learned.
    fn rank(&mut self, visit: &[Click], n: usize) -> Vec<u32>;
}

/// The best of scored products, best first; of equal scores the smaller product.
pub fn best(scores: impl IntoIterator<Item = (u32, f64)>, n: usize) -> Vec<u32> {
    let mut scores: Vec<(u32, f64)> =
        scores.into_iter().filter(|&(_, score)| score > 0.0).collect();
    let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if scores.len() > n && n > 0 {
        scores.select_nth_unstable_by(n - 1, order);
    }
    scores.truncate(n);
    scores.sort_unstable_by(order);
    scores.into_iter().map(|(product, _)| product).collect()
}

/// Scores by product.
pub type Scores = HashMap<u32, f64>;
