//! What the shop says of its products: a dataflow input that every worker has whole.

use crate::arrange::packed::{PackedSpine, Value};
use crate::arrange::view::arrange_here;
use crate::ids::dictionary::SharedDictionaries;
use crate::record::product::Product;
use crate::record::product::Row;
use crate::time::Time;
use differential_dataflow::AsCollection;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use std::collections::HashMap;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Broadcast;

/// A row as a worker keeps it: the tags' ids, and the whole.
pub type CatalogueEntry = (Vec<u32>, Arc<Product>);

impl Value for CatalogueEntry {}

/// Product to its row, on every worker.
pub type Catalogue<'scope> = Arranged<'scope, TraceAgent<CatalogueSpine>>;
/// How [`Catalogue`] is kept.
pub type CatalogueSpine = PackedSpine<CatalogueEntry, isize>;

/// Broadcasts rows and keeps the latest of each product; a correction retracts what it replaces.
///
/// NB: the rows of one product must come in order, as those of one partition do.
pub fn catalogue<'scope>(
    rows: Stream<'scope, Time, Vec<Row>>,
    dictionaries: SharedDictionaries,
) -> Catalogue<'scope> {
    let mut current: HashMap<u32, CatalogueEntry> = HashMap::new();
    let latest = rows.broadcast().unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "catalogue rows",
        |_, _| {
            move |input, output| {
                input.for_each(|capability, rows| {
                    let time = *capability.least().expect("data has a time");
                    let mut session = output.session(&capability);
                    for (id, row) in rows.drain(..) {
                        let mut dictionaries = dictionaries.borrow_mut();
                        let product = dictionaries.products.intern(&id);
                        let entry = row.map(|row| {
                            let tags = row.tags.iter().map(|tag| dictionaries.tags.intern(tag));
                            (tags.collect(), Arc::new(row))
                        });
                        let replaced = match &entry {
                            Some(entry) => current.insert(product, entry.clone()),
                            None => current.remove(&product),
                        };
                        for (entry, diff) in [(replaced, -1), (entry, 1)] {
                            if let Some(entry) = entry {
                                session.give(((product, entry), time, diff));
                            }
                        }
                    }
                });
            }
        },
    );
    arrange_here(latest.as_collection(), "catalogue")
}
