//! Popularity of products, by tag and overall, by day. It lies at the owners of tags, and the
//! overall part at the owners of products.

use super::tags::Touch;
use crate::arrange::dated::DatedProduct;
use crate::arrange::packed::Value;
use crate::arrange::view::{Changes, View, arrange_here};
use crate::held::Held;
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::exchange::{HasIds, IdSpace, to_owners};
use crate::score::counts::Counts;
use crate::score::model::Blend;
use crate::time::Time;
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};

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

/// Tag to products by day, in ids of their owner: what the history has by the tags that events brought, and overall,
/// and by resolved ones. What is restored lies at its owners.
pub fn popularity<'scope>(
    popular: Changes<'scope, ProductDay>,
    resolved: VecCollection<'scope, Time, Touch, Counts>,
    restored: Changes<'scope, ProductDay>,
    dictionaries: &SharedDictionaries,
    held: &Held,
) -> View<'scope, ProductDay> {
    let overall = dictionaries.borrow_mut().tags.intern(OVERALL);
    assert_eq!(overall, OVERALL_ID, "popularity is built before any tag is interned");
    let resolved =
        resolved.map(|Touch { tag, product, day, .. }| (tag, ProductDay { product, day }));
    let owned = to_owners(popular.concat(resolved).inner, dictionaries, "popularity", held);
    arrange_here(owned.as_collection().concat(restored), "popularity")
}
