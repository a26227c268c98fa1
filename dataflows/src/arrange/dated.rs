//! Values that speak for a product on a day: what rankings sum up.

use crate::score::model::Blend;
use differential_dataflow::ExchangeData;

/// A value of a view: what speaks for a product, and when.
pub(crate) trait DatedProduct: ExchangeData + Copy {
    /// The product.
    fn product(&self) -> u32;
    /// The day, counted from the Unix epoch.
    fn day(&self) -> u16;
    /// What it counts, beside its age.
    fn factor(&self, blend: &Blend) -> f64;
}
