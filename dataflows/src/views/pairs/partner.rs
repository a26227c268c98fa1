//! The values of the pairs: partners.

use crate::arrange::dated::DatedProduct;
use crate::arrange::packed::Value;
use crate::ids::exchange::{HasIds, IdSpace};
use crate::score::model::Blend;
use serde::{Deserialize, Serialize};

/// The distance up to which two moments are near each other, in milliseconds; see [`Blend::far`].
pub const NEAR: u64 = 5 * 60 * 1000;

/// The other product of a pair, in a product's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partner {
    /// The product.
    pub product: u32,
    /// The day of the later of the two moments, counted from the Unix epoch.
    pub day: u16,
    /// True if it came after the row's product or with it, false if before.
    pub after: bool,
    /// True if the two moments are within [`NEAR`].
    pub near: bool,
}

impl Value for Partner {
    fn prefix(&self) -> u32 {
        self.product
    }
}

impl DatedProduct for Partner {
    fn product(&self) -> u32 {
        self.product
    }

    fn day(&self) -> u16 {
        self.day
    }

    fn on(self, day: u16) -> Partner {
        Partner { day, ..self }
    }

    fn factor(&self, blend: &Blend) -> f64 {
        let side = if self.after { 1.0 } else { blend.before };
        if self.near { side } else { side * blend.far }
    }
}

impl HasIds for (u32, Partner) {
    fn ids(&mut self, mut each: impl FnMut(IdSpace, &mut u32)) {
        each(IdSpace::Products, &mut self.0);
        each(IdSpace::Products, &mut self.1.product);
    }

    fn key(&self) -> (IdSpace, u32) {
        (IdSpace::Products, self.0)
    }
}
