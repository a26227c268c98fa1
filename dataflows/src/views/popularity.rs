//! Popularity of products, by tag and overall, by day. It lies at the owners of tags, and the
//! overall part at the owners of products.

use super::retention::retained;
use crate::arrange::dated::DatedProduct;
use crate::arrange::packed::Value;
use crate::arrange::view::View;
use crate::held::Size;
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::exchange::{HasIds, IdSpace, to_owners};
use crate::ingest::intern::Action;
use crate::ingest::tags::ResolvedTouch;
use crate::score::counts::Counts;
use crate::score::model::Blend;
use crate::time::{DAY_HOURS, Time, day};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use timely::dataflow::Stream;

/// The tag that all actions count under. No event can bring it, since tags are never empty.
pub const OVERALL: &str = "";
/// The id of [`OVERALL`], on every worker: the first tag that it interns.
pub const OVERALL_ID: u32 = 0;

/// A product on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProductDay {
    /// The product.
    pub product: u32,
    /// The day, counted from the Unix epoch.
    pub day: u16,
}

impl Value for ProductDay {
    fn prefix(&self) -> u32 {
        self.product
    }
}

impl DatedProduct for ProductDay {
    fn product(&self) -> u32 {
        self.product
    }

    fn day(&self) -> u16 {
        self.day
    }

    fn factor(&self, _: &Blend) -> f64 {
        1.0
    }
}

impl HasIds for (u32, ProductDay) {
    fn ids(&mut self, mut each: impl FnMut(IdSpace, &mut u32)) {
        each(IdSpace::Tags, &mut self.0);
        each(IdSpace::Products, &mut self.1.product);
    }

    fn key(&self) -> (IdSpace, u32) {
        match self.0 {
            OVERALL_ID => (IdSpace::Products, self.1.product),
            tag => (IdSpace::Tags, tag),
        }
    }
}

/// Tag to products by day, in ids of their owner, for `horizon` hours.
pub fn popularity<'scope>(
    resolved: VecCollection<'scope, Time, ResolvedTouch, Counts>,
    actions: VecCollection<'scope, Time, Action, Counts>,
    hours: Stream<'scope, Time, Vec<u32>>,
    horizon: u32,
    dictionaries: &SharedDictionaries,
    held: Rc<Cell<Size>>,
) -> View<'scope, ProductDay> {
    let overall = dictionaries.borrow_mut().tags.intern(OVERALL);
    assert_eq!(overall, OVERALL_ID, "popularity is built before any tag is interned");
    let by_tag =
        resolved.map(|ResolvedTouch { tag, product, day, .. }| (tag, ProductDay { product, day }));
    let all = actions
        .map(|Action { product, time, .. }| (OVERALL_ID, ProductDay { product, day: day(time) }));
    let owned = to_owners(by_tag.concat(all).inner, dictionaries, "popularity");
    // The last hour of the day.
    let hour_of = |value: &ProductDay| (u32::from(value.day) + 1) * DAY_HOURS - 1;
    retained(owned.as_collection(), hours, horizon, hour_of, |_, _| (), "popularity", held)
}
