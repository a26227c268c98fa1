//! Which tags a product has, on every worker: those that events bring, and those that stand in.

use crate::Time;
use crate::block::stable_hash;
use crate::counts::Counts;
use crate::intern::Touch;
use crate::names::{Names, SharedVocabulary};
use crate::views::{View, arrange_here};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::{Broadcast, Map};

/// How many tags of a product count: those with the smallest hashes, so that it does not depend on
/// who met which first, and that a product with ever new tags costs no more than one with a few.
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
    let mut met = Met::default();
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
                        let label = Label { provisional, tag };
                        if !met.is_new(product, label, &vocabulary.tags) {
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

/// The labels that a worker has met, by product: of each kind those that count.
#[derive(Default)]
struct Met {
    by_product: Vec<Vec<(u64, Label)>>,
    /// By tag, the hash of its name.
    hashes: Vec<u64>,
}

impl Met {
    /// Whether a label counts that was not met before.
    fn is_new(&mut self, product: u32, label: Label, tags: &Names) -> bool {
        while self.hashes.len() <= label.tag as usize {
            let next = u32::try_from(self.hashes.len()).expect("an id is a u32");
            self.hashes.push(stable_hash(tags.text(next).as_bytes()));
        }
        if self.by_product.len() <= product as usize {
            self.by_product.resize(product as usize + 1, Vec::new());
        }
        let labels = &mut self.by_product[product as usize];
        let hash = self.hashes[label.tag as usize];
        let (mut smaller, mut greatest) = (0, None);
        for (place, (other_hash, other)) in labels.iter().enumerate() {
            if *other == label {
                return false;
            }
            if other.provisional == label.provisional {
                smaller += usize::from(*other_hash < hash);
                greatest = greatest.max(Some((*other_hash, place)));
            }
        }
        if MOST <= smaller {
            return false;
        }
        let of_kind = labels.iter().filter(|(_, other)| other.provisional == label.provisional);
        match greatest {
            Some((_, place)) if MOST <= of_kind.count() => labels[place] = (hash, label),
            _ => labels.push((hash, label)),
        }
        true
    }
}

/// The tags that hold of a product: those that events brought, or else the catalogue's, or else
/// those that stand in; in order of name.
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
    if MOST < tags.len() {
        tags.sort_by_key(|tag| stable_hash(tag.as_bytes()));
        tags.truncate(MOST);
        tags.sort_unstable();
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_workers_met_together_has_what_counts_of_all() {
        let mut names = Names::default();
        let tags: Vec<u32> = (0..50).map(|tag| names.intern(&format!("tag {tag}"))).collect();
        let told = |tags: &[u32]| {
            let mut met = Met::default();
            let label = |tag| Label { provisional: false, tag };
            let new = tags.iter().filter(|tag| met.is_new(3, label(**tag), &names));
            new.map(|tag| label(*tag)).collect::<BTreeSet<_>>()
        };
        for middle in [0, 1, 25, 49] {
            let (one, other) = tags.split_at(middle);
            let all: Vec<Label> = told(one).union(&told(other)).copied().collect();
            let mut expected: Vec<&str> = tags.iter().map(|tag| names.text(*tag)).collect();
            expected.sort_by_key(|tag| stable_hash(tag.as_bytes()));
            expected.truncate(MOST);
            expected.sort_unstable();
            assert_eq!(hold(&all, &[], &names), expected, "split at {middle}");
        }
        assert!(told(&[tags[0], tags[0]]).len() == 1);
    }
}
