//! Values that name a product and a day: the evidence that rankings sum up.

use crate::score::counts::Counts;
use crate::score::scale::Units;
use differential_dataflow::ExchangeData;

/// A value that counts for a product, on a day.
pub(crate) trait DatedProduct: ExchangeData + Copy {
    /// The product.
    fn product(&self) -> u32;
    /// The day, counted from the Unix epoch.
    fn day(&self) -> u16;
    /// The value on another day.
    #[must_use]
    fn on(self, day: u16) -> Self;
}

/// A value whose counts are added to some of `N` sums of its product.
pub(crate) trait Summed<const N: usize>: DatedProduct {
    /// What the counts add to each sum, by the units of the value's day.
    fn sums(&self, counts: Counts, units: &Units) -> [i64; N];
    /// The number of events, each counted in one of the values that it makes.
    fn events(&self, counts: Counts) -> i32;
}
