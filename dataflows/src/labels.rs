//! Which tags a product has, on every worker: those that events bring, and those that stand in.

use crate::Time;
use crate::counts::Counts;
use crate::intern::Touch;
use crate::names::{Names, SharedVocabulary};
use crate::views::{View, arrange_here};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::{Broadcast, Map};

/// How many tags of a product count.
const MOST: usize = 8;

/// A tag of a product. Those that events bring come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label {
    /// Whether it stands in until the catalogue has tags: a category.
    pub provisional: bool,
    /// The tag.
    pub tag: u32,
}

/// Product to labels. Each worker tells all others of a label when it first meets it, so that a
/// label's count says of how many workers, and no more.
pub fn labels<'scope>(
    touches: VecCollection<'scope, Time, Touch, Counts>,
    vocabulary: &SharedVocabulary,
) -> View<'scope, Label> {
    let (there, here) = (vocabulary.clone(), vocabulary.clone());
    let mut met: HashSet<(u32, u32, bool)> = HashSet::new();
    let told = touches.inner.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "labels met",
        |_, _| {
            move |touches, output| {
                touches.for_each(|capability, touches| {
                    let vocabulary = there.borrow();
                    let mut session = output.session(&capability);
                    for (Touch { product, tag, provisional, .. }, time, counts) in touches.drain(..)
                    {
                        if !met.insert((product, tag, provisional)) {
                            continue;
                        }
                        let (product, tag) =
                            (vocabulary.products.text(product), vocabulary.tags.text(tag));
                        // A product that stands in for its own tag says nothing.
                        if !provisional || product != tag {
                            let label = (product.to_string(), tag.to_string(), provisional);
                            session.give((label, time, counts));
                        }
                    }
                });
            }
        },
    );
    let labels = told.broadcast().map(move |((product, tag, provisional), time, _)| {
        let mut vocabulary = here.borrow_mut();
        let tag = vocabulary.tags.intern(&tag);
        (
            (vocabulary.products.intern(&product), Label { provisional, tag }),
            time,
            Counts([1, 0, 0]),
        )
    });
    arrange_here(labels.as_collection(), "labels")
}

/// The tags that hold of a product: the first, by name, of those that events brought, or else of
/// the catalogue's, or else of those that stand in.
pub fn hold(labels: &[Label], said: &[String], names: &Names) -> Vec<String> {
    let of = |provisional: bool| {
        let labels = labels.iter().filter(|label| label.provisional == provisional);
        labels.map(|label| names.text(label.tag).to_string()).collect::<Vec<_>>()
    };
    let mut tags = of(false);
    if tags.is_empty() {
        tags.extend_from_slice(said);
    }
    if tags.is_empty() {
        tags = of(true);
    }
    tags.sort_unstable();
    tags.dedup();
    tags.truncate(MOST);
    tags
}
