//! What every worker knows of all products: rows and tags.

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

/// The catalogue, and the tags that events bring.
pub(crate) struct ProductInfo {
    catalogue: Lookup<CatalogueEntry, isize>,
    labels: Lookup<Label>,
    /// PairBuffer for what is read of a product.
    said: Vec<u32>,
    own: Vec<Label>,
}

impl ProductInfo {
    pub(crate) fn new(
        catalogue: TraceAgent<CatalogueSpine>,
        labels: TraceAgent<ViewSpine<Label>>,
    ) -> ProductInfo {
        let (said, own) = Default::default();
        ProductInfo { catalogue: Lookup::new(catalogue), labels: Lookup::new(labels), said, own }
    }

    /// What the catalogue says of a product.
    pub(crate) fn row(&mut self, product: u32, time: Time) -> Option<Arc<Product>> {
        let mut found = None;
        self.catalogue.each(product, time, |(_, row), _| found = Some(row.clone()));
        found
    }

    /// The tags of a product, whoever brought them.
    pub(crate) fn tags(&mut self, product: u32, time: Time, names: &Dictionary) -> Vec<u32> {
        let ProductInfo { catalogue, labels, said, own } = self;
        said.clear();
        own.clear();
        catalogue.each(product, time, |(tags, _), _| said.clone_from(tags));
        labels.each(product, time, |&label, _| own.push(label));
        effective_tags(own, said, names)
    }

    /// As [`Lookup::release`].
    pub(crate) fn release(&mut self, asked: AntichainRef<'_, Time>) {
        self.catalogue.release(asked);
        self.labels.release(asked);
    }
}
