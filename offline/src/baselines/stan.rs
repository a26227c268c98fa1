//! STAN and VSTAN: position in the visit, age of the neighbour, distance within it.

use crate::baselines::neighbours::Similarity;
use crate::baselines::weighting::real;
use crate::clicks::Click;
use std::collections::HashMap;

/// The similarity of STAN (`stan.py`), and with `ipw` and `idf` of VSTAN (`vstan.py`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Stan {
    /// λ_spw: the number of clicks of the visit over which weight falls by e, for the similarity.
    pub spw: Option<f64>,
    /// λ_snh: the number of days over which a neighbour's weight falls by e.
    pub snh: Option<f64>,
    /// λ_inh: the number of clicks from the last shared product over which the weight of a neighbour's
    /// products falls by e.
    pub inh: Option<f64>,
    /// λ_ipw: as λ_spw, for the weight of a neighbour's products.
    pub ipw: Option<f64>,
    /// λ_idf: the factor of a product's rarity.
    pub idf: Option<f64>,
}

/// A visit, prepared for the comparisons.
pub struct StanVisit {
    /// By product, the number of clicks since the last one on it, from 0.
    ago: HashMap<u32, usize>,
    time: i64,
    /// The Euclidean norm of the weights.
    norm: f64,
}

/// A day, in milliseconds.
const DAY: f64 = 86_400_000.0;

impl Similarity for Stan {
    type Visit = StanVisit;

    fn visit(&self, clicks: &[Click]) -> StanVisit {
        let ago: HashMap<u32, usize> =
            clicks.iter().rev().enumerate().map(|(ago, click)| (click.product, ago)).fold(
                HashMap::new(),
                |mut ago, (product, clicks)| {
                    ago.entry(product).or_insert(clicks);
                    ago
                },
            );
        let squares: f64 = ago.values().map(|&ago| fall(real(ago), self.spw).powi(2)).sum();
        let time = clicks.last().map_or(0, |click| click.time);
        StanVisit { ago, time, norm: squares.sqrt() }
    }

    #[allow(clippy::cast_precision_loss, reason = "times are below 2^53 milliseconds")]
    fn alike(&self, visit: &StanVisit, distinct: &[u32], time: i64) -> f64 {
        let shared = distinct.iter().filter_map(|product| visit.ago.get(product));
        let shared: f64 = shared.map(|&ago| fall(real(ago), self.spw)).sum();
        let age = (visit.time - time).max(0) as f64 / DAY;
        shared / (visit.norm * real(distinct.len()).sqrt()) * fall(age, self.snh)
    }

    fn weights(
        &self,
        visit: &StanVisit,
        products: &[u32],
        distinct: &[u32],
        idf: &dyn Fn(u32) -> f64,
    ) -> Vec<f64> {
        let last = |wanted: u32| products.iter().rposition(|&product| product == wanted);
        let shared = products.iter().rposition(|product| visit.ago.contains_key(product));
        let ago = distinct.iter().filter_map(|product| visit.ago.get(product)).min();
        let decay = fall(real(ago.copied().unwrap_or(0)), self.ipw);
        let weigh = |&product: &u32| {
            let distance = match (last(product), shared) {
                (Some(last), Some(shared)) => real(last.abs_diff(shared)),
                _ => 0.0,
            };
            let rarity = self.idf.map_or(1.0, |lambda| 1.0 + lambda * idf(product));
            fall(distance, self.inh) * rarity * decay
        };
        distinct.iter().map(weigh).collect()
    }
}

/// e^(-distance/λ), or 1 without λ.
fn fall(distance: f64, lambda: Option<f64>) -> f64 {
    lambda.map_or(1.0, |lambda| (-distance / lambda).exp())
}
