//! Resolves the tags of events that bring none: they count for the catalogue's tags of the product.

use super::catalogue::Catalogue;
use super::intern::Touch;
use crate::arrange::packed::Value;
use crate::arrange::view::{View, arrange_here};
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::difference::Abelian;
use differential_dataflow::{AsCollection, VecCollection};
use timely::dataflow::operators::vec::Map;

/// A touch under a tag that it counts for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResolvedTouch {
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

impl From<Touch> for ResolvedTouch {
    fn from(Touch { user, product, tag, day, .. }: Touch) -> ResolvedTouch {
        ResolvedTouch { user, tag, product, day }
    }
}

/// Replaces stand-ins by the catalogue's tags, where it has any for the product.
///
/// A touch counts for its stand-in; a join with the catalogue retracts that and adds the row's
/// tags. So a row that comes late, is corrected or is deleted re-tags all touches of its product.
/// Returns the touches under the tags that they count for now, and the stand-ins by product.
pub fn resolve_tags<'scope>(
    stand_ins: VecCollection<'scope, Time, Touch, Counts>,
    catalogue: Catalogue<'scope>,
) -> (VecCollection<'scope, Time, ResolvedTouch, Counts>, View<'scope, StandIn>) {
    let by_product =
        stand_ins.clone().map(|touch| (touch.product, (touch.user, touch.tag, touch.day)));
    let by_product = arrange_here(by_product, "stand-ins");
    let corrections =
        by_product.clone().join_core(catalogue, |&product, &(user, stand_in, day), (tags, _)| {
            let touch = move |tag| ResolvedTouch { user, tag, product, day };
            let retracted = (!tags.is_empty()).then_some((touch(stand_in), false));
            tags.clone().into_iter().map(move |tag| (touch(tag), true)).chain(retracted)
        });
    let corrections = corrections.inner.map(|((touch, is_added), time, mut diff)| {
        if !is_added {
            diff.negate();
        }
        (touch, time, diff)
    });
    (stand_ins.map(ResolvedTouch::from).concat(corrections.as_collection()), by_product)
}
