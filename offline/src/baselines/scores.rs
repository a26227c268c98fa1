//! Scored products, and the best of them.

use std::collections::HashMap;

/// Scores by product.
pub(super) type Scores = HashMap<u32, f64>;

/// The `n` products with the highest scores above zero, highest first, and ties by product.
pub(super) fn best(scores: impl IntoIterator<Item = (u32, f64)>, n: usize) -> Vec<u32> {
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
