//! Rows and tags of all products, as every worker knows them.

use crate::arrange::lookup::Lookup;
use crate::arrange::view::ViewSpine;
use crate::ids::dictionary::Dictionary;
use crate::ingest::catalogue::CatalogueEntry;
use crate::ingest::catalogue::CatalogueSpine;
use crate::record::product::Product;
use crate::time::Time;
use crate::views::product_tags::Label;
use crate::views::product_tags::effective_tags;
use differential_dataflow::operators::arrange::TraceAgent;
use std::sync::Arc;
use timely::progress::frontier::AntichainRef;

/// A product's place in the catalogue.
pub(crate) enum Listing {
    /// It was never in it.
    Unlisted,
    /// It was deleted from it.
    Deleted,
    /// It has a row.
    Listed(Arc<Product>),
}

impl Listing {
    /// True unless the product was deleted, or is unavailable.
    pub(crate) fn may_be_shown(&self) -> bool {
        match self {
            Listing::Unlisted => true,
            Listing::Deleted => false,
            Listing::Listed(row) => !row.unavailable,
        }
    }

    /// The row, if there is one.
    pub(crate) fn into_row(self) -> Option<Arc<Product>> {
        match self {
            Listing::Listed(row) => Some(row),
            Listing::Unlisted | Listing::Deleted => None,
        }
    }
}

/// The catalogue, and the tags that events bring.
pub(crate) struct ProductInfo {
    catalogue: Lookup<CatalogueEntry, isize>,
    labels: Lookup<Label>,
    /// Buffers for the tags of one product, of the catalogue and of events.
    listed: Vec<u32>,
    own: Vec<Label>,
}

impl ProductInfo {
    pub(crate) fn new(
        catalogue: TraceAgent<CatalogueSpine>,
        labels: TraceAgent<ViewSpine<Label>>,
    ) -> ProductInfo {
        let (listed, own) = Default::default();
        ProductInfo { catalogue: Lookup::new(catalogue), labels: Lookup::new(labels), listed, own }
    }

    /// A product's place in the catalogue as of a time.
    pub(crate) fn listing(&mut self, product: u32, time: Time) -> Listing {
        let mut listing = Listing::Unlisted;
        self.catalogue.each(product, time, |(_, row), _| {
            listing = row.clone().map_or(Listing::Deleted, Listing::Listed);
        });
        listing
    }

    /// The tags of a product as of a time, whoever brought them.
    pub(crate) fn tags(&mut self, product: u32, time: Time, names: &Dictionary) -> Vec<u32> {
        let ProductInfo { catalogue, labels, listed, own } = self;
        listed.clear();
        own.clear();
        catalogue.each(product, time, |(tags, _), _| listed.clone_from(tags));
        labels.each(product, time, |&label, _| own.push(label));
        effective_tags(own, listed, names)
    }

    /// As [`Lookup::release`].
    pub(crate) fn release(&mut self, asked: AntichainRef<'_, Time>) {
        self.catalogue.release(asked);
        self.labels.release(asked);
    }
}
