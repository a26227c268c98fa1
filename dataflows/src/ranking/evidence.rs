//! The evidence that a ranking is made from, in dense ids.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A product of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Visited {
    /// The product.
    pub product: u32,
    /// Part of the latest visit, rather than of one before it.
    pub current: bool,
}

/// A product's score under one key, such as a product, a tag or a visit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worth {
    /// The product.
    pub product: u32,
    /// The score: the weights of its events, faded by their age.
    pub worth: f64,
    /// The number of events.
    pub events: u32,
}

/// The first `n` of some products, best first. The list is shared with the cache that it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    products: Arc<[Worth]>,
    n: usize,
}

impl Best {
    /// At most `n` of the products.
    pub(crate) fn first(n: usize, products: Arc<[Worth]>) -> Best {
        Best { products, n }
    }

    /// The number that was asked for, though there may be fewer.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// The products.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Worth> {
        self.products[..self.n.min(self.products.len())].iter()
    }

    /// Drops all but the first `n`, so that they need not travel.
    pub(crate) fn trim(&mut self) {
        if self.n < self.products.len() {
            self.products = self.products[..self.n].into();
        }
    }

    /// Calls `each` with the id of every product, to change it.
    pub(crate) fn ids_mut(&mut self, mut each: impl FnMut(&mut u32)) {
        Arc::make_mut(&mut self.products).iter_mut().for_each(|worth| each(&mut worth.product));
    }
}

impl<'a> IntoIterator for &'a Best {
    type Item = &'a Worth;
    type IntoIter = std::slice::Iter<'a, Worth>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The row of a product among the pairs: the best of its partners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PairRow {
    /// The product.
    pub product: u32,
    /// The product's place in the visit, or in what was before, from the newest.
    pub place: usize,
    /// Part of the latest visit.
    pub current: bool,
    /// The scores of all partners, summed.
    pub mass: f64,
    /// The best, best first.
    pub partners: Best,
}

/// The best products of a tag, or of one worker overall, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Popular {
    /// The tag; `None` is overall.
    pub tag: Option<String>,
    /// The tag's part of the user's profile.
    pub share: f64,
    /// The scores of all products, summed.
    pub mass: f64,
    /// The best products, best first.
    pub products: Best,
}

/// The evidence for one ranking, in ids of the worker that ranks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// Products of the latest visits, newest first, no product twice.
    pub(crate) visit: Vec<Visited>,
    /// The products that the user has bought.
    pub(crate) bought: Vec<u32>,
    /// The rows of the newest products.
    pub(crate) rows: Vec<PairRow>,
    /// Popular products, by tag and overall.
    pub(crate) popular: Vec<Popular>,
}
