//! The shop's catalogue, broadcast: every worker has all of it.

use crate::arrange::packed::{PackedSpine, Value};
use crate::arrange::view::arrange_here;
use crate::held::Size;
use crate::ids::dictionary::SharedDictionaries;
use crate::record::product::{CatalogueRow, Product};
use crate::time::Time;
use differential_dataflow::AsCollection;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Broadcast;

/// The ids of a row's tags, and the row; `None` is the tombstone of a deleted product. It stays,
/// since a product that was never in the catalogue may be shown, and a deleted one may not.
pub type CatalogueEntry = (Vec<u32>, Option<Arc<Product>>);

impl Value for CatalogueEntry {}

/// Product to row, on every worker.
pub type Catalogue<'scope> = Arranged<'scope, TraceAgent<CatalogueSpine>>;
/// The trace of [`Catalogue`].
pub type CatalogueSpine = PackedSpine<CatalogueEntry, isize>;

/// Broadcasts rows and keeps the latest of each product: a row retracts the one that it replaces.
///
/// NB: the rows of one product must come in order, as those of one partition do.
pub fn catalogue<'scope>(
    rows: Stream<'scope, Time, Vec<CatalogueRow>>,
    dictionaries: SharedDictionaries,
    held: Rc<Cell<Size>>,
) -> Catalogue<'scope> {
    let mut current: HashMap<u32, CatalogueEntry> = HashMap::new();
    // The bytes of rows beside the table.
    let mut texts = 0;
    let latest = rows.broadcast().unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "replace catalogue rows",
        |_, _| {
            move |input, output| {
                input.for_each(|capability, rows| {
                    let time = *capability.least().expect("data has a time");
                    let mut session = output.session(&capability);
                    for CatalogueRow { product, row } in rows.drain(..) {
                        let mut dictionaries = dictionaries.borrow_mut();
                        let product = dictionaries.products.intern(&product);
                        let tags = row.iter().flat_map(|row| &row.tags);
                        let tags = tags.map(|tag| dictionaries.tags.intern(tag)).collect();
                        let entry = (tags, row.map(Arc::new));
                        texts += bytes(&entry);
                        if let Some(replaced) = current.insert(product, entry.clone()) {
                            texts -= bytes(&replaced);
                            session.give(((product, replaced), time, -1));
                        }
                        session.give(((product, entry), time, 1));
                    }
                });
                let table = (size_of::<(u32, CatalogueEntry)>() + 1) * current.capacity();
                held.set(Size { records: current.len(), bytes: table + texts });
            }
        },
    );
    arrange_here(latest.as_collection(), "catalogue")
}

/// The bytes of a row that are elsewhere. The view shares its description, and has ids of tags of its own.
fn bytes((tags, row): &CatalogueEntry) -> usize {
    let of_tags = |tags: &Vec<String>| {
        let texts = tags.iter().map(String::len).sum::<usize>();
        size_of::<String>() * tags.len() + texts
    };
    let of_row = |row: &Arc<Product>| {
        size_of::<Product>() + row.name.len() + row.category.len() + of_tags(&row.tags)
    };
    2 * size_of::<u32>() * tags.len() + row.as_ref().map_or(0, of_row)
}
