//! The catalogue rows and tags of all products, which every worker has.

use crate::arrange::lookup::Lookup;
use crate::arrange::view::ViewSpine;
use crate::ids::dictionary::Dictionary;
use crate::ingest::catalogue::{CatalogueEntry, CatalogueSpine};
use crate::record::product::Product;
use crate::time::Time;
use crate::views::product_tags::{Label, effective_tags};
use differential_dataflow::operators::arrange::TraceAgent;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use timely::progress::frontier::AntichainRef;

/// A product's state in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Listing {
    /// Never listed.
    Unlisted,
    /// Deleted.
    Deleted,
    /// Listed, with its row.
    Listed(Arc<Product>),
}

impl Listing {
    /// True unless the product is deleted or unavailable.
    pub(crate) fn may_be_shown(&self) -> bool {
        match self {
            Listing::Unlisted => true,
            Listing::Deleted => false,
            Listing::Listed(row) => !row.unavailable,
        }
    }

    /// The row of a listed product.
    pub(crate) fn row(&self) -> Option<&Product> {
        match self {
            Listing::Listed(row) => Some(row),
            Listing::Unlisted | Listing::Deleted => None,
        }
    }

    /// As [`Listing::row`].
    pub(crate) fn into_row(self) -> Option<Arc<Product>> {
        match self {
            Listing::Listed(row) => Some(row),
            Listing::Unlisted | Listing::Deleted => None,
        }
    }
}

/// A product's state in the catalogue as of a time.
pub(crate) fn listing(
    catalogue: &mut Lookup<CatalogueEntry, isize>,
    product: u32,
    time: Time,
) -> Listing {
    let mut listing = Listing::Unlisted;
    catalogue.each(product, time, |(_, row), _| {
        listing = row.clone().map_or(Listing::Deleted, Listing::Listed);
    });
    listing
}

/// Reads the catalogue, and the tags that events brought.
pub(crate) struct ProductInfo {
    catalogue: Lookup<CatalogueEntry, isize>,
    labels: Lookup<Label>,
    /// Buffers for one product: its tags from the catalogue, and its labels.
    listed_tags: Vec<u32>,
    product_labels: Vec<Label>,
}

impl ProductInfo {
    pub(crate) fn new(
        catalogue: TraceAgent<CatalogueSpine>,
        labels: TraceAgent<ViewSpine<Label>>,
    ) -> ProductInfo {
        let (listed_tags, product_labels) = Default::default();
        let (catalogue, labels) = (Lookup::new(catalogue), Lookup::new(labels));
        ProductInfo { catalogue, labels, listed_tags, product_labels }
    }

    /// A product's state in the catalogue as of a time.
    pub(crate) fn listing(&mut self, product: u32, time: Time) -> Listing {
        listing(&mut self.catalogue, product, time)
    }

    /// The tags of a product as of a time, from the catalogue or from events.
    pub(crate) fn tags(&mut self, product: u32, time: Time, names: &Dictionary) -> Vec<u32> {
        let ProductInfo { catalogue, labels, listed_tags, product_labels } = self;
        listed_tags.clear();
        product_labels.clear();
        catalogue.each(product, time, |(tags, _), _| listed_tags.clone_from(tags));
        labels.each(product, time, |&label, _| product_labels.push(label));
        effective_tags(product_labels, listed_tags, names)
    }

    /// As [`Lookup::release`].
    pub(crate) fn release(&mut self, questions: AntichainRef<'_, Time>) {
        self.catalogue.release(questions);
        self.labels.release(questions);
    }
}
