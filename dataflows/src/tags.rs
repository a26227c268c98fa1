//! Which tags a touch counts for: the event's own, or what the catalogue says of the product now.

use crate::Time;
use crate::catalogue::Catalogue;
use crate::counts::Counts;
use crate::intern::Touch;
use differential_dataflow::difference::Abelian;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::trace::implementations::{ValBatcher, ValSpine};
use differential_dataflow::{AsCollection, VecCollection};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::Map;

/// That a touch counts for a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tagged {
    /// Who.
    pub user: u32,
    /// The tag.
    pub tag: u32,
    /// The product through which the user came to it.
    pub product: u32,
    /// On which day, counted from the Unix epoch.
    pub day: u16,
}

/// Who touched a product, on which day, and the tag that stands in.
type Provisional = (u32, u32, u16);

/// Every touch under the tags that hold now.
///
/// A provisional touch counts for its stand-in; where the catalogue has tags for the product, a
/// join takes that back and counts those tags. A row that comes late, or is corrected, or deleted,
/// so re-tags all that it touches.
pub fn tags<'scope>(
    touches: VecCollection<'scope, Time, Touch, Counts>,
    catalogue: Catalogue<'scope>,
) -> VecCollection<'scope, Time, Tagged, Counts> {
    let provisional = touches
        .clone()
        .filter(|touch| touch.provisional)
        .map(|touch| (touch.product, (touch.user, touch.tag, touch.day)));
    let provisional = arrange_core::<_, _, _, ValSpine<u32, Provisional, Time, Counts>>(
        provisional.inner,
        Pipeline,
        "provisional",
        ValBatcher::<u32, Provisional, Time, Counts>::new,
    );
    let corrections =
        provisional.join_core(catalogue, |&product, &(user, stand_in, day), (tags, _)| {
            let tagged = move |tag| Tagged { user, tag, product, day };
            let back = (!tags.is_empty()).then_some((tagged(stand_in), false));
            tags.clone().into_iter().map(move |tag| (tagged(tag), true)).chain(back)
        });
    let corrections = corrections.inner.map(|((tagged, counts), time, mut diff)| {
        if !counts {
            diff.negate();
        }
        (tagged, time, diff)
    });
    let counted =
        touches.map(|Touch { user, tag, product, day, .. }| Tagged { user, tag, product, day });
    counted.concat(corrections.as_collection())
}
