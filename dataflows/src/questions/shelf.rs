//! What every worker knows of all products: rows and tags.

use crate::Time;
use crate::catalogue::{CatalogueSpine, Entry, Product};
use crate::labels::{Label, hold};
use crate::lookup::Lookup;
use crate::names::Names;
use crate::views::ViewSpine;
use differential_dataflow::operators::arrange::TraceAgent;
use std::sync::Arc;
use timely::progress::frontier::AntichainRef;

/// The catalogue, and the tags that events bring.
pub(crate) struct Shelf {
    catalogue: Lookup<Entry, isize>,
    labels: Lookup<Label>,
    /// Room for what is read of a product.
    said: Vec<u32>,
    own: Vec<Label>,
}

impl Shelf {
    pub(super) fn new(
        catalogue: TraceAgent<CatalogueSpine>,
        labels: TraceAgent<ViewSpine<Label>>,
    ) -> Shelf {
        let (said, own) = Default::default();
        Shelf { catalogue: Lookup::new(catalogue), labels: Lookup::new(labels), said, own }
    }

    /// What the catalogue says of a product.
    pub(crate) fn row(&mut self, product: u32, time: Time) -> Option<Arc<Product>> {
        let mut found = None;
        self.catalogue.each(product, time, |(_, row), _| found = Some(row.clone()));
        found
    }

    /// The tags of a product, whoever brought them.
    pub(crate) fn tags(&mut self, product: u32, time: Time, names: &Names) -> Vec<u32> {
        let Shelf { catalogue, labels, said, own } = self;
        said.clear();
        own.clear();
        catalogue.each(product, time, |(tags, _), _| said.clone_from(tags));
        labels.each(product, time, |&label, _| own.push(label));
        hold(own, said, names)
    }

    /// As [`Lookup::release`].
    pub(super) fn release(&mut self, asked: AntichainRef<'_, Time>) {
        self.catalogue.release(asked);
        self.labels.release(asked);
    }
}
