//! The tags of events that bring none: they count for the catalogue's tags of the product.

use super::retention::Left;
use crate::arrange::packed::Value;
use crate::arrange::reader::Reader;
use crate::arrange::trace::{is_sealed, release};
use crate::arrange::view::{View, arrange_here};
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::tag_sets::TagSet;
use crate::ingest::catalogue::{Catalogue, CatalogueEntry, CatalogueSpine};
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::{RESTORED, Time};
use differential_dataflow::difference::Abelian;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use std::collections::BTreeMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::core::Concat;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::{Filter, Map};
use timely::progress::Antichain;

/// An event under a tag that it counts for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    /// The user.
    pub user: u32,
    /// The tag.
    pub tag: u32,
    /// The product.
    pub product: u32,
    /// The day, counted from the Unix epoch.
    pub day: u16,
}

/// The user, the stand-in and the day of a touch, arranged by product.
pub type StandIn = (u32, u32, u16);

impl Value for StandIn {
    fn prefix(&self) -> u32 {
        self.0
    }
}

/// Replaces stand-ins by the catalogue's tags, where it has any for the product.
///
/// A touch counts for its stand-in; a join with the catalogue retracts that and adds the row's
/// tags. So a row that comes late, is corrected or is deleted re-tags all touches of its product.
/// Returns the touches under the tags that they count for now, unless they are restored, since whatever they count
/// for is restored, too; and the stand-ins by product.
pub fn resolve_tags<'scope>(
    stand_ins: VecCollection<'scope, Time, Touch, Counts>,
    catalogue: Catalogue<'scope>,
) -> (VecCollection<'scope, Time, Touch, Counts>, View<'scope, StandIn>) {
    let by_product =
        stand_ins.clone().map(|touch| (touch.product, (touch.user, touch.tag, touch.day)));
    let by_product = arrange_here(by_product, "stand-ins");
    let corrections =
        by_product.clone().join_core(catalogue, |&product, &(user, stand_in, day), (tags, _)| {
            let touch = move |tag| Touch { user, product, tag, day };
            let retracted = (!tags.is_empty()).then_some((touch(stand_in), false));
            tags.clone().into_iter().map(move |tag| (touch(tag), true)).chain(retracted)
        });
    let corrections = corrections.inner.map(|((touch, is_added), time, mut diff)| {
        if !is_added {
            diff.negate();
        }
        (touch, time, diff)
    });
    let resolved = stand_ins.inner.concat(corrections);
    (resolved.filter(|(_, time, _)| *time != RESTORED).as_collection(), by_product)
}

/// Reads the catalogue.
pub(crate) type CatalogueReader = Reader<CatalogueEntry, isize>;

/// The catalogue, to look tags up as of complete times.
pub struct CatalogueTags(TraceAgent<CatalogueSpine>);

impl CatalogueTags {
    /// To look up tags in a catalogue.
    pub fn new(catalogue: &Catalogue<'_>) -> CatalogueTags {
        CatalogueTags(catalogue.trace.clone())
    }

    /// True if all rows before a time are known.
    pub fn is_sealed(&mut self, time: Time) -> bool {
        is_sealed(&mut self.0, time)
    }

    /// Begins to look up products.
    pub(crate) fn reader(&mut self) -> CatalogueReader {
        Reader::new(&mut self.0)
    }

    /// Lets the catalogue compact what is needed for earlier times alone.
    pub fn release(&mut self, next: &Antichain<Time>) {
        release(&mut self.0, next.borrow());
    }
}

/// The tags that a moment counts for as of a time: its own, or those of the catalogue, or else its stand-in.
pub(crate) fn tags_at(
    moment: Moment,
    set: TagSet<'_>,
    catalogue: &mut CatalogueReader,
    as_of: Time,
) -> Vec<u32> {
    let mut found = Vec::new();
    if set.is_stand_in {
        catalogue.seek(moment.product);
        catalogue.each(as_of, |(tags, _), sum| {
            if sum > 0 {
                found.clone_from(tags);
            }
        });
    }
    if found.is_empty() { set.tags.to_vec() } else { found }
}

/// What goes on to count, elsewhere, when moments leave a view by age, or never entered it: `rows` makes it of each value
/// that left, with the tags that its moment had before, and its counts.
pub fn settle<'scope, V: ExchangeData, D: ExchangeData>(
    left: VecCollection<'scope, Time, V, Counts>,
    catalogue: &Catalogue<'scope>,
    dictionaries: SharedDictionaries,
    moment: impl Fn(&V) -> Moment + 'static,
    rows: impl Fn(&V, TagSet<'_>, &[u32], Counts) -> Vec<(D, Counts)> + 'static,
) -> VecCollection<'scope, Time, D, Counts> {
    let mut catalogue = CatalogueTags::new(catalogue);
    let scope = left.inner.scope();
    let settled = left.inner.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "settle tags",
        move |_, info| {
            let activator = scope.activator_for(info.address);
            let mut waiting: BTreeMap<Time, (Capability<Time>, Vec<_>)> = BTreeMap::new();
            move |(left, frontier), output| {
                left.for_each(|capability, left| {
                    for (gone, time, counts) in left.drain(..) {
                        let capability = || (capability.delayed(&time, 0), Vec::new());
                        waiting.entry(time).or_insert_with(capability).1.push((gone, counts));
                    }
                });
                while let Some(first) = waiting.first_entry() {
                    let time = *first.key();
                    if !catalogue.is_sealed(time) {
                        activator.activate();
                        break;
                    }
                    let (capability, left) = first.remove();
                    let tag_sets = &dictionaries.borrow().tag_sets;
                    let mut reader = catalogue.reader();
                    let mut session = output.session(&capability);
                    for (gone, counts) in left {
                        let moment = moment(&gone);
                        let set = tag_sets.get(moment.tag_set);
                        let tags = tags_at(moment, set, &mut reader, time.saturating_sub(1));
                        for (row, counts) in rows(&gone, set, &tags, counts) {
                            session.give((row, time, counts));
                        }
                    }
                }
                let next = waiting.keys().next().copied();
                let next = frontier.frontier().first().copied().into_iter().chain(next).min();
                // It is read as of the time before.
                catalogue.release(&next.map(|next| next.saturating_sub(1)).into_iter().collect());
            }
        },
    );
    settled.as_collection()
}

/// User and tag of a moment that leaves the history, or did not enter it. If a tag stood in, it keeps the tags that it
/// had; tags that an event brought are in the profile anyway. But where nothing stays, these leave it, too, unless they
/// did when the moment was taken back.
pub fn settled_tags(
    &((user, moment), _): &Left<Moment>,
    set: TagSet<'_>,
    tags: &[u32],
    counts: Counts,
) -> Vec<((u32, u32), Counts)> {
    let counts = match (set.is_stand_in, moment.leaves_nothing()) {
        (true, true) | (false, false) => return Vec::new(),
        _ if !moment.counts() => return Vec::new(),
        (true, false) => counts,
        (false, true) => counts.times(-1),
    };
    tags.iter().map(|&tag| ((user, tag), counts)).collect()
}
