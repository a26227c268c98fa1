//! Which tags a touch counts for whose event brings none: what the catalogue says of the product now.

use super::catalogue::Catalogue;
use super::intern::Touch;
use crate::arrange::packed::Value;
use crate::arrange::view::arrange_here;
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::difference::Abelian;
use differential_dataflow::{AsCollection, VecCollection};
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

impl Value for Provisional {
    fn prefix(&self) -> u32 {
        self.0
    }
}

impl From<Touch> for Tagged {
    fn from(Touch { user, product, tag, day, .. }: Touch) -> Tagged {
        Tagged { user, tag, product, day }
    }
}

/// Every provisional touch under the tags that hold now.
///
/// It counts for its stand-in; where the catalogue has tags for the product, a
/// join takes that back and counts those tags. A row that comes late, or is corrected, or deleted,
/// so re-tags all that it touches.
pub fn tags<'scope>(
    provisional: VecCollection<'scope, Time, Touch, Counts>,
    catalogue: Catalogue<'scope>,
) -> VecCollection<'scope, Time, Tagged, Counts> {
    let by_product =
        provisional.clone().map(|touch| (touch.product, (touch.user, touch.tag, touch.day)));
    let by_product = arrange_here(by_product, "provisional");
    let corrections =
        by_product.join_core(catalogue, |&product, &(user, stand_in, day), (tags, _)| {
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
    provisional.map(Tagged::from).concat(corrections.as_collection())
}
