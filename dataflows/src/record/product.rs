//! A product as the shop's catalogue describes it.

use serde::{Deserialize, Serialize};

/// The shop's description of a product, without its id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Product {
    /// Its name, or "".
    pub name: String,
    /// Its category, or "".
    pub category: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its price, in millionths of the shop's currency.
    pub price: Option<i64>,
    /// True if it cannot be bought now; then it is not recommended.
    pub unavailable: bool,
}

/// A row of the catalogue: it replaces the earlier row of its product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogueRow {
    /// The product's id.
    pub product: String,
    /// The product's description; `None` deletes the product.
    pub row: Option<Product>,
}

/// A range of prices, in millionths of the shop's currency; both ends are in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRange {
    /// The least price; `None` for any.
    pub least: Option<i64>,
    /// The highest price; `None` for any.
    pub most: Option<i64>,
}

impl PriceRange {
    /// True if it has every product, also one without a price.
    pub fn is_all(&self) -> bool {
        *self == PriceRange::default()
    }

    /// True if it has a product of such a price.
    pub fn has(&self, price: Option<i64>) -> bool {
        self.is_all()
            || price.is_some_and(|price| {
                self.least.is_none_or(|least| least <= price)
                    && self.most.is_none_or(|most| price <= most)
            })
    }
}
