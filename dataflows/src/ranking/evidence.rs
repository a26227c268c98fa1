//! The evidence that a ranking is made from. Products are dense ids.

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

/// A product with its score under one key, such as another product, a tag or a visit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scored {
    /// The product.
    pub product: u32,
    /// The weights of its events, faded by their age.
    pub score: f64,
    /// The number of events.
    pub events: u32,
}

/// The first `n` of some products, best first. The list is shared with the cache that it comes
/// from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    products: Arc<[Scored]>,
    n: usize,
}

impl Best {
    /// At most `n` of the products.
    pub(crate) fn first(n: usize, products: Arc<[Scored]>) -> Best {
        Best { products, n }
    }

    /// All of the products.
    pub(crate) fn all(products: Vec<Scored>) -> Best {
        Best { n: usize::MAX, products: products.into() }
    }

    /// The number that was requested; there may be fewer.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// The products, best first.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Scored> {
        self.products[..self.n.min(self.products.len())].iter()
    }

    /// Drops all but the first `n`, so that the others are not sent.
    pub(crate) fn trim(&mut self) {
        if self.n < self.products.len() {
            self.products = self.products[..self.n].into();
        }
    }

    /// Calls `each` with every product's id, to change it.
    pub(crate) fn ids_mut(&mut self, mut each: impl FnMut(&mut u32)) {
        Arc::make_mut(&mut self.products).iter_mut().for_each(|scored| each(&mut scored.product));
    }
}

impl<'a> IntoIterator for &'a Best {
    type Item = &'a Scored;
    type IntoIter = std::slice::Iter<'a, Scored>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A product's row of the pairs: its best partners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PairRow {
    /// The product.
    pub product: u32,
    /// The product's place in the visit, or among the products before it; the newest is 0.
    pub place: usize,
    /// True if the product is of the latest visit.
    pub current: bool,
    /// The sum of all partners' scores.
    pub mass: f64,
    /// The best partners, best first.
    pub partners: Best,
}

/// The best products of a tag, or of one worker overall, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PopularProducts {
    /// The tag; `None` means overall.
    pub tag: Option<String>,
    /// The tag's share of the user's profile.
    pub share: f64,
    /// The sum of all products' scores.
    pub mass: f64,
    /// The best products, best first.
    pub products: Best,
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
    /// Popular products, by tag and overall.
    pub(crate) popular: Vec<PopularProducts>,
}
