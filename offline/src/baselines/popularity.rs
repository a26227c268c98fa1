//! Popularity: the products with the most clicks.

use crate::clicks::Click;
use crate::recommender::Recommender;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

/// Ranks products by their clicks, the same for all visits.
#[derive(Default)]
pub struct Popularity {
    counts: HashMap<u32, u64>,
    order: BTreeSet<(Reverse<u64>, u32)>,
}

impl Recommender for Popularity {
    fn learn(&mut self, click: &Click) {
        let count = self.counts.entry(click.product).or_default();
        self.order.remove(&(Reverse(*count), click.product));
        *count += 1;
        self.order.insert((Reverse(*count), click.product));
    }

    fn rank(&mut self, _visit: &[Click], n: usize) -> Vec<u32> {
        self.order.iter().take(n).map(|&(_, product)| product).collect()
    }
}
