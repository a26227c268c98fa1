//! What the shop says of its products.

use serde::{Deserialize, Serialize};

/// A catalogue row, without its id.
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
}
