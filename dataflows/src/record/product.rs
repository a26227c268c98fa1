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
