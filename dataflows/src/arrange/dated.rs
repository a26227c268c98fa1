//! Values that name a product and a day: the evidence that rankings sum up.

use crate::score::model::Blend;
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
    /// The weight of the value, beside that of its age.
    fn factor(&self, blend: &Blend) -> f64;
}
