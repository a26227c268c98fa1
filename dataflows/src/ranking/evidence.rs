//! The evidence that a ranking is made from. Products are dense ids.

use super::candidates::ProductNames;
use crate::score::mixture::PAIR_SUMS;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A product of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Visited {
    /// The product.
    pub product: u32,
    /// True if it is of the latest visit, false if of one before it.
    pub current: bool,
}

/// A product with its sums under one key, such as another product or a tag, in events of weight 1 and no age.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "[f64; N]: Serialize", deserialize = "[f64; N]: Deserialize<'de>"))]
pub(crate) struct Scored<const N: usize> {
    /// The product.
    pub product: u32,
    /// The number of events.
    pub events: u32,
    /// The weights of its events, faded by their age.
    pub sums: [f64; N],
}

/// Products with their sums, in no order. The list is shared with the cache that it comes from.
pub(crate) type ScoredProducts<const N: usize> = Arc<[Scored<N>]>;

/// A product's row of the pairs: its best partners by each of the sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PairRow {
    /// The product.
    pub product: u32,
    /// The product's place in the visit, or among the products before it; the newest is 0.
    pub place: usize,
    /// True if the product is of the latest visit.
    pub current: bool,
    /// The sums of all partners.
    pub mass: [f64; PAIR_SUMS],
    /// The best partners.
    pub partners: ScoredProducts<PAIR_SUMS>,
    /// The product that the question is about, if it is a partner, even if not one of the best.
    pub asked: Option<Scored<PAIR_SUMS>>,
}

/// The row of a product that goes with that of the moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepRow {
    /// The product.
    pub product: u32,
    /// Its share of the row of the product of the moment.
    pub share: f64,
    /// The sum of all its partners by minutes.
    pub mass: f64,
    /// The best partners.
    pub partners: ScoredProducts<PAIR_SUMS>,
    /// As [`PairRow::asked`].
    pub asked: Option<Scored<PAIR_SUMS>>,
}

/// The best products of a tag, or of one worker overall: long, and today.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PopularProducts {
    /// The tag; `None` means overall.
    pub tag: Option<String>,
    /// The sums of all products.
    pub mass: [f64; 2],
    /// The number that was requested by each sum.
    pub n: usize,
    /// The best products; of a tag, those that are popular long.
    pub products: ScoredProducts<2>,
    /// The product that the question is about, if it is of the list, even if not one of the best.
    pub asked: Option<Scored<2>>,
}

/// The evidence for one ranking, in ids of the worker that ranks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// Products of the latest visits, newest first, no product twice.
    pub(crate) visit: Vec<Visited>,
    /// The products that the user has bought and that are left out.
    pub(crate) bought: Vec<u32>,
    /// The rows of the newest products.
    pub(crate) rows: Vec<PairRow>,
    /// The rows of what goes with the newest product.
    pub(crate) steps: Vec<StepRow>,
    /// Popular products, by tag and overall.
    pub(crate) popular: Vec<PopularProducts>,
}

impl Evidence {
    /// Puts rows in an order that does not depend on which workers they are from.
    pub(super) fn sort(&mut self, names: &ProductNames<'_>) {
        self.rows.sort_by_key(|row| (!row.current, row.place));
        self.steps.sort_by(|one, other| {
            let by_name = || names.text(one.product).cmp(names.text(other.product));
            other.share.total_cmp(&one.share).then_with(by_name)
        });
    }

    /// The products of the visit, or before it, each with its place there.
    pub(super) fn visited(&self, current: bool) -> impl Iterator<Item = (usize, u32)> {
        let visited = self.visit.iter().filter(move |visited| visited.current == current);
        visited.map(|visited| visited.product).enumerate()
    }

    /// What is popular in a tag.
    pub(super) fn popular_in(&self, tag: &str) -> Option<&PopularProducts> {
        self.popular.iter().find(|popular| popular.tag.as_deref() == Some(tag))
    }

    /// What is popular overall, of all workers.
    pub(super) fn overall(&self) -> impl Iterator<Item = &PopularProducts> {
        self.popular.iter().filter(|popular| popular.tag.is_none())
    }
}
