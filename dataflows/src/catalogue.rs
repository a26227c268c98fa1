//! What the shop says of its products: a dataflow input that every worker has whole.

use crate::Time;
use crate::names::SharedVocabulary;
use crate::packed::{PackedSpine, Value};
use crate::views::arrange_here;
use differential_dataflow::AsCollection;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Broadcast;

/// A catalogue row, without its id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Product {
    /// Its name, or "".
    pub name: String,
    /// Its category, or "".
    pub category: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its price, in millionths of the shop's currency.
    pub price: Option<i64>,
    /// Whether it cannot be bought now: then it is not recommended.
    pub unavailable: bool,
}

/// A row as it came: a product's id, and what is said of it now; `None` deletes.
pub type Row = (String, Option<Product>);

/// A row as a worker keeps it: the tags' ids, and the whole.
pub type Entry = (Vec<u32>, Arc<Product>);

impl Value for Entry {}

/// Product to its row, on every worker.
pub type Catalogue<'scope> = Arranged<'scope, TraceAgent<CatalogueSpine>>;
/// How [`Catalogue`] is kept.
pub type CatalogueSpine = PackedSpine<Entry, isize>;

/// Broadcasts rows and keeps the latest of each product; a correction retracts what it replaces.
///
/// NB: the rows of one product must come in order, as those of one partition do.
pub fn catalogue<'scope>(
    rows: Stream<'scope, Time, Vec<Row>>,
    vocabulary: SharedVocabulary,
) -> Catalogue<'scope> {
    let mut current: HashMap<u32, Entry> = HashMap::new();
    let latest = rows.broadcast().unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "catalogue rows",
        |_, _| {
            move |input, output| {
                input.for_each(|capability, rows| {
                    let time = *capability.least().expect("data has a time");
                    let mut session = output.session(&capability);
                    for (id, row) in rows.drain(..) {
                        let mut vocabulary = vocabulary.borrow_mut();
                        let product = vocabulary.products.intern(&id);
                        let entry = row.map(|row| {
                            let tags = row.tags.iter().map(|tag| vocabulary.tags.intern(tag));
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
