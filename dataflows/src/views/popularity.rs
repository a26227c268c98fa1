//! Popularity of products, by tag and overall, by day. It lies at the owners of tags, and the
//! overall part at the owners of products.

use super::by_day::{Days, kept_by_day};
use super::tags::Touch;
use crate::arrange::dated::{DatedProduct, Summed};
use crate::arrange::packed::Value;
use crate::arrange::view::{Changes, View};
use crate::held::Held;
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::exchange::{HasIds, IdSpace, to_owners};
use crate::ids::tag_sets::TagSet;
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::score::scale::{Units, total};
use crate::time::Time;
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
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

    fn on(self, day: u16) -> ProductDay {
        ProductDay { day, ..self }
    }
}

/// What is popular long, and what is popular today.
impl Summed<2> for ProductDay {
    fn sums(&self, counts: Counts, units: &Units) -> [i64; 2] {
        [units.long, units.today].map(|units| total(counts, &units))
    }

    fn events(&self, counts: Counts) -> i32 {
        counts.total()
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

/// What popularity is made of.
pub struct Popular<'scope> {
    /// By the tags that events brought, and overall.
    pub brought: Changes<'scope, ProductDay>,
    /// By the tags of the catalogue and stand-ins, as they are now.
    pub resolved: VecCollection<'scope, Time, Touch, Counts>,
    /// By those that moments had when they left the history by age, and overall.
    pub settled: Changes<'scope, ProductDay>,
    /// At its owners, what is restored.
    pub restored: Changes<'scope, ProductDay>,
}

/// Tag to products by day, in ids of their owner, for as many days.
pub fn popularity<'scope>(
    popular: Popular<'scope>,
    (ages, days): (Stream<'scope, Time, Vec<u32>>, Days),
    dictionaries: &SharedDictionaries,
    held: &Held,
) -> View<'scope, ProductDay> {
    let Popular { brought, resolved, settled, restored } = popular;
    let overall = dictionaries.borrow_mut().tags.intern(OVERALL);
    assert_eq!(overall, OVERALL_ID, "popularity is built before any tag is interned");
    let resolved =
        resolved.map(|Touch { tag, product, day, .. }| (tag, ProductDay { product, day }));
    let popular = brought.concat(resolved).concat(settled);
    let owned = to_owners(popular.inner, dictionaries, "popularity", held);
    let popular = owned.as_collection().concat(restored);
    kept_by_day(popular, ages, days, "popularity", held.by("popularity_days"))
}

/// What a moment that leaves the history by age goes on to count for, if it paired: its tags, and overall.
pub fn stays_popular(
    &(_, moment): &(u32, Moment),
    _: TagSet<'_>,
    tags: &[u32],
    counts: Counts,
) -> Vec<((u32, ProductDay), Counts)> {
    let on = ProductDay { product: moment.product, day: moment.day() };
    let tags = tags.iter().chain(&[OVERALL_ID]).filter(|_| moment.pairs());
    tags.map(|&tag| ((tag, on), counts)).collect()
}
