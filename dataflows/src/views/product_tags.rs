//! Which tags a product has, on every worker: those that events bring, and those that stand in.

use crate::arrange::packed::Value;
use crate::arrange::view::{View, arrange_here};
use crate::ids::dictionary::{Dictionary, SharedDictionaries};
use crate::ids::hash::stable_hash;
use crate::ingest::intern::Touch;
use crate::score::counts::Counts;
use crate::time::Time;
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

impl Value for Label {}

/// Product to labels. Each worker tells all others of a label when it first meets it, so that a
/// label's count says of how many workers, and no more.
///
/// Touches come out of order where some wait for their time to be complete and others do not: a
/// label that is met again, but of an earlier time, is told for that time instead.
pub fn labels<'scope>(
    touches: VecCollection<'scope, Time, Touch, Counts>,
    dictionaries: &SharedDictionaries,
) -> View<'scope, Label> {
    let (there, here) = (dictionaries.clone(), dictionaries.clone());
    let mut met = LabelIndex::default();
    let told = touches.inner.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "labels met",
        |_, _| {
            move |touches, output| {
                touches.for_each(|capability, touches| {
                    let dictionaries = there.borrow();
                    let mut session = output.session(&capability);
                    for (Touch { product, tag, provisional, .. }, time, _) in touches.drain(..) {
                        let label = Label { provisional, tag };
                        let Some(News { instead }) =
                            met.meet(product, label, time, &dictionaries.tags)
                        else {
                            continue;
                        };
                        let (product, tag) =
                            (dictionaries.products.text(product), dictionaries.tags.text(tag));
                        // A product that stands in for its own tag says nothing.
                        if provisional && product == tag {
                            continue;
                        }
                        let label = || (product.to_string(), tag.to_string(), provisional);
                        session.give((label(), time, Counts([1, 0, 0])));
                        if let Some(later) = instead {
                            session.give((label(), later, Counts([-1, 0, 0])));
                        }
                    }
                });
            }
        },
    );
    let labels = told.broadcast().map(move |((product, tag, provisional), time, counts)| {
        let mut dictionaries = here.borrow_mut();
        let tag = dictionaries.tags.intern(&tag);
        ((dictionaries.products.intern(&product), Label { provisional, tag }), time, counts)
    });
    arrange_here(labels.as_collection(), "labels")
}

/// The labels that a worker has met, by product: of each kind those that count.
#[derive(Default)]
struct LabelIndex {
    by_product: Vec<Vec<Known>>,
    /// By tag, the hash of its name.
    hashes: Vec<u64>,
}

/// A label that was told, by the hash of its tag, and for which time.
#[derive(Clone, Copy)]
struct Known {
    hash: u64,
    label: Label,
    time: Time,
}

/// That a label is to be told.
#[derive(Debug, PartialEq, Eq)]
struct News {
    /// The later time for which it was told already.
    instead: Option<Time>,
}

impl LabelIndex {
    /// Whether a label counts that was not met before, or of a later time only.
    fn meet(&mut self, product: u32, label: Label, time: Time, tags: &Dictionary) -> Option<News> {
        while self.hashes.len() <= label.tag as usize {
            let next = u32::try_from(self.hashes.len()).expect("an id is a u32");
            self.hashes.push(stable_hash(tags.text(next).as_bytes()));
        }
        if self.by_product.len() <= product as usize {
            self.by_product.resize(product as usize + 1, Vec::new());
        }
        let labels = &mut self.by_product[product as usize];
        if let Some(known) = labels.iter_mut().find(|known| known.label == label) {
            let earlier = time < known.time;
            return earlier
                .then(|| News { instead: Some(std::mem::replace(&mut known.time, time)) });
        }
        let known = Known { hash: self.hashes[label.tag as usize], label, time };
        let is_of_kind = |other: &Known| other.label.provisional == label.provisional;
        let of_kind = || labels.iter().filter(|other| is_of_kind(other));
        if MOST <= of_kind().filter(|other| other.hash < known.hash && other.time <= time).count() {
            return None;
        }
        let greatest = of_kind().map(|other| other.hash).max();
        let greatest = greatest.filter(|hash| known.hash < *hash && MOST <= of_kind().count());
        let is_greatest = |other: &&mut Known| is_of_kind(other) && Some(other.hash) == greatest;
        match labels.iter_mut().find(is_greatest) {
            Some(other) => *other = known,
            None => labels.push(known),
        }
        Some(News { instead: None })
    }
}

/// The tags that hold of a product: those that events brought, or else the catalogue's, or else
/// those that stand in; each once, in no order.
pub fn effective_tags(labels: &[Label], said: &[u32], names: &Dictionary) -> Vec<u32> {
    let of = |provisional: bool| {
        let labels = labels.iter().filter(move |label| label.provisional == provisional);
        labels.map(|label| label.tag)
    };
    let mut tags: Vec<u32> = of(false).collect();
    if tags.is_empty() {
        tags.extend_from_slice(said);
    }
    if tags.is_empty() {
        tags.extend(of(true));
    }
    tags.sort_unstable();
    tags.dedup();
    if MOST < tags.len() {
        tags.sort_by_key(|&tag| stable_hash(names.text(tag).as_bytes()));
        tags.truncate(MOST);
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_workers_met_together_has_what_counts_of_all() {
        let mut names = Dictionary::default();
        let tags: Vec<u32> = (0..50).map(|tag| names.intern(&format!("tag {tag}"))).collect();
        let told = |tags: &[u32]| {
            let mut met = LabelIndex::default();
            let label = |tag| Label { provisional: false, tag };
            let new = tags.iter().filter(|tag| met.meet(3, label(**tag), 0, &names).is_some());
            new.map(|tag| label(*tag)).collect::<BTreeSet<_>>()
        };
        for middle in [0, 1, 25, 49] {
            let (one, other) = tags.split_at(middle);
            let all: Vec<Label> = told(one).union(&told(other)).copied().collect();
            let mut expected = tags.clone();
            expected.sort_by_key(|tag| stable_hash(names.text(*tag).as_bytes()));
            expected.truncate(MOST);
            assert_eq!(effective_tags(&all, &[], &names), expected, "split at {middle}");
        }
    }

    #[test]
    fn what_is_met_again_is_told_again_only_of_an_earlier_time() {
        let mut names = Dictionary::default();
        let label = Label { provisional: true, tag: names.intern("tag") };
        let mut met = LabelIndex::default();
        for (time, expected) in [
            (5, Some(News { instead: None })),
            (5, None),
            (7, None),
            (3, Some(News { instead: Some(5) })),
            (4, None),
            (2, Some(News { instead: Some(3) })),
        ] {
            assert_eq!(met.meet(0, label, time, &names), expected, "at {time}");
        }
    }
}
