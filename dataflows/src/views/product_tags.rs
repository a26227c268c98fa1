//! The labels of products, on every worker: the tags that events brought, and stand-ins.

use crate::arrange::packed::Value;
use crate::arrange::view::{View, arrange_here};
use crate::held::Size;
use crate::ids::dictionary::{Dictionary, SharedDictionaries};
use crate::ids::hash::stable_hash;
use crate::ids::tag_sets::TagSet;
use crate::ingest::intern::ProductSet;
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::AsCollection;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::Concat;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::{Broadcast, Map};

/// The most tags of a product that count: those with the smallest hashes, so that the choice does
/// not depend on their order. It bounds the cost of a product with ever new tags.
const MAX_TAGS: usize = 8;

/// A tag of a product. Tags from events come before stand-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label {
    /// True for a stand-in: a category, which holds until the catalogue has tags.
    pub is_stand_in: bool,
    /// The tag.
    pub tag: u32,
}

impl Value for Label {}

/// A product and a tag, by their names, and whether it is a stand-in.
pub type LabelName = (String, String, bool);

/// Product to labels. Each worker broadcasts a label when it first sees it, so that a label's count
/// is the number of workers that have seen it, and what was restored at some worker.
///
/// ```text
/// at each worker:  sets.flat_map(|(product, set)| set.tags.map(|tag| (product, tag))).distinct()
///                  .take(MAX_TAGS of each product and kind, by hash).broadcast()
/// ```
///
/// Sets may come out of order, since some blocks wait until their time is complete. A
/// label that comes again, of an earlier time, is announced for that time and retracted for the
/// later one.
pub fn labels<'scope>(
    sets: Stream<'scope, Time, Vec<(ProductSet, Time)>>,
    restored: Stream<'scope, Time, Vec<(LabelName, Time, Counts)>>,
    dictionaries: &SharedDictionaries,
    held: Rc<Cell<Size>>,
) -> View<'scope, Label> {
    let (sending, receiving) = (dictionaries.clone(), dictionaries.clone());
    let mut index = LabelIndex::default();
    let announced = sets.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "announce labels",
        |_, _| {
            move |sets, output| {
                sets.for_each(|capability, sets| {
                    let dictionaries = sending.borrow();
                    let mut session = output.session(&capability);
                    for ((product, tag_set), time) in sets.drain(..) {
                        let TagSet { tags, is_stand_in } = dictionaries.tag_sets.get(tag_set);
                        for &tag in tags {
                            let label = Label { is_stand_in, tag };
                            let Some(Announcement { replaces }) =
                                index.see(product, label, time, &dictionaries.tags)
                            else {
                                continue;
                            };
                            let (product, tag) =
                                (dictionaries.products.text(product), dictionaries.tags.text(tag));
                            // A product as its own stand-in is no label.
                            if is_stand_in && product == tag {
                                continue;
                            }
                            let label = || (product.to_string(), tag.to_string(), is_stand_in);
                            session.give((label(), time, Counts([1, 0, 0])));
                            if let Some(later) = replaces {
                                session.give((label(), later, Counts([-1, 0, 0])));
                            }
                        }
                    }
                });
                held.set(index.size());
            }
        },
    );
    let labels = announced.concat(restored).broadcast().map(
        move |((product, tag, is_stand_in), time, counts)| {
            let mut dictionaries = receiving.borrow_mut();
            let tag = dictionaries.tags.intern(&tag);
            ((dictionaries.products.intern(&product), Label { is_stand_in, tag }), time, counts)
        },
    );
    arrange_here(labels.as_collection(), "labels")
}

/// The labels that a worker has announced.
#[derive(Default)]
struct LabelIndex {
    /// By product, the labels that count, of events and of stand-ins.
    by_product: Vec<Vec<SentLabel>>,
    /// The number of all of them.
    labels: usize,
    /// By tag, the hash of its name.
    hashes: Vec<u64>,
}

/// A label that was announced, with the hash of its tag, and the time that it was announced for.
#[derive(Clone, Copy)]
struct SentLabel {
    hash: u64,
    label: Label,
    time: Time,
}

/// The decision to announce a label.
#[derive(Debug, PartialEq, Eq)]
struct Announcement {
    /// The later time that it was announced for before.
    replaces: Option<Time>,
}

impl LabelIndex {
    fn size(&self) -> Size {
        let products = size_of::<Vec<SentLabel>>() * self.by_product.capacity();
        let labels = size_of::<SentLabel>() * self.labels;
        let hashes = size_of::<u64>() * self.hashes.capacity();
        Size { records: self.labels, bytes: products + labels + hashes }
    }

    /// Decides whether to announce a label: it counts, and is new or was announced for a later
    /// time.
    fn see(
        &mut self,
        product: u32,
        label: Label,
        time: Time,
        tags: &Dictionary,
    ) -> Option<Announcement> {
        while self.hashes.len() <= label.tag as usize {
            let next = u32::try_from(self.hashes.len()).expect("an id is a u32");
            self.hashes.push(stable_hash(tags.text(next).as_bytes()));
        }
        if self.by_product.len() <= product as usize {
            self.by_product.resize(product as usize + 1, Vec::new());
        }
        let labels = &mut self.by_product[product as usize];
        if let Some(sent) = labels.iter_mut().find(|sent| sent.label == label) {
            let earlier = time < sent.time;
            return earlier
                .then(|| Announcement { replaces: Some(std::mem::replace(&mut sent.time, time)) });
        }
        let sent = SentLabel { hash: self.hashes[label.tag as usize], label, time };
        let is_of_kind = |other: &SentLabel| other.label.is_stand_in == label.is_stand_in;
        let of_kind = || labels.iter().filter(|other| is_of_kind(other));
        if MAX_TAGS
            <= of_kind().filter(|other| other.hash < sent.hash && other.time <= time).count()
        {
            return None;
        }
        let greatest = of_kind().map(|other| other.hash).max();
        let greatest = greatest.filter(|hash| sent.hash < *hash && MAX_TAGS <= of_kind().count());
        let is_greatest =
            |other: &&mut SentLabel| is_of_kind(other) && Some(other.hash) == greatest;
        match labels.iter_mut().find(is_greatest) {
            Some(other) => *other = sent,
            None => {
                labels.push(sent);
                self.labels += 1;
            }
        }
        Some(Announcement { replaces: None })
    }
}

/// The tags of a product: those from events, or else the catalogue's, or else the stand-ins; each
/// once, in no order.
pub fn effective_tags(labels: &[Label], listed_tags: &[u32], names: &Dictionary) -> Vec<u32> {
    let of = |is_stand_in: bool| {
        let labels = labels.iter().filter(move |label| label.is_stand_in == is_stand_in);
        labels.map(|label| label.tag)
    };
    let mut tags: Vec<u32> = of(false).collect();
    if tags.is_empty() {
        tags.extend_from_slice(listed_tags);
    }
    if tags.is_empty() {
        tags.extend(of(true));
    }
    tags.sort_unstable();
    tags.dedup();
    if MAX_TAGS < tags.len() {
        tags.sort_by_key(|&tag| stable_hash(names.text(tag).as_bytes()));
        tags.truncate(MAX_TAGS);
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_labels_of_all_workers_give_the_tags_of_all_touches() {
        let mut names = Dictionary::default();
        let tags: Vec<u32> = (0..50).map(|tag| names.intern(&format!("tag {tag}"))).collect();
        let announced = |tags: &[u32]| {
            let mut index = LabelIndex::default();
            let label = |tag| Label { is_stand_in: false, tag };
            let new = tags.iter().filter(|tag| index.see(3, label(**tag), 0, &names).is_some());
            new.map(|tag| label(*tag)).collect::<BTreeSet<_>>()
        };
        for middle in [0, 1, 25, 49] {
            let (one, other) = tags.split_at(middle);
            let all: Vec<Label> = announced(one).union(&announced(other)).copied().collect();
            let mut expected = tags.clone();
            expected.sort_by_key(|tag| stable_hash(names.text(*tag).as_bytes()));
            expected.truncate(MAX_TAGS);
            assert_eq!(effective_tags(&all, &[], &names), expected, "split at {middle}");
        }
    }

    #[test]
    fn a_label_is_announced_again_only_for_an_earlier_time() {
        let mut names = Dictionary::default();
        let label = Label { is_stand_in: true, tag: names.intern("tag") };
        let mut index = LabelIndex::default();
        for (time, expected) in [
            (5, Some(Announcement { replaces: None })),
            (5, None),
            (7, None),
            (3, Some(Announcement { replaces: Some(5) })),
            (4, None),
            (2, Some(Announcement { replaces: Some(3) })),
        ] {
            assert_eq!(index.see(0, label, time, &names), expected, "at {time}");
        }
    }
}
