//! V-SkNN: later clicks of the visit weigh more.

use crate::baselines::neighbours::Similarity;
use crate::baselines::weighting::{Weighting, real};
use crate::clicks::Click;
use std::collections::HashMap;

/// The similarity of V-SkNN (`vsknn.py`).
#[derive(Clone, Copy, Debug)]
pub struct Vector {
    /// The weight of a click by its position in the visit, for the similarity.
    pub weighting: Weighting,
    /// The weight of a neighbour's products by the number of clicks since the visit last shared one.
    pub weighting_score: Weighting,
    /// The factor of a product's rarity; with 0 it does not count.
    pub idf: f64,
}

/// By product, its weight and the number of clicks since the last one on it, from 1.
pub struct WeightedVisit(HashMap<u32, (f64, usize)>);

impl Similarity for Vector {
    type Visit = WeightedVisit;

    fn visit(&self, clicks: &[Click]) -> WeightedVisit {
        let weigh = |(place, click): (usize, &Click)| {
            let weight = self.weighting.of_position(place + 1, clicks.len());
            (click.product, (weight, clicks.len() - place))
        };
        // The last click on a product decides.
        WeightedVisit(clicks.iter().enumerate().map(weigh).collect())
    }

    fn alike(&self, WeightedVisit(visit): &WeightedVisit, distinct: &[u32], _time: i64) -> f64 {
        let shared = distinct.iter().filter_map(|product| visit.get(product));
        shared.map(|(weight, _)| weight).sum::<f64>() / real(visit.len())
    }

    fn weights(
        &self,
        WeightedVisit(visit): &WeightedVisit,
        _products: &[u32],
        distinct: &[u32],
        idf: &dyn Fn(u32) -> f64,
    ) -> Vec<f64> {
        let steps = distinct.iter().filter_map(|product| visit.get(product)).map(|&(_, step)| step);
        let decay = self.weighting_score.of_step(steps.min().unwrap_or(1));
        let rarity = |product| if self.idf > 0.0 { 1.0 + self.idf * idf(product) } else { 1.0 };
        distinct.iter().map(|&product| decay * rarity(product)).collect()
    }
}
