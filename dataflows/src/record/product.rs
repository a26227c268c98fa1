//! A product as the shop's catalogue describes it.

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
    /// Cannot be bought now: then it is not recommended.
    pub unavailable: bool,
}

/// A row as it came: a product's id, and its description from now on; `None` deletes.
pub type Row = (String, Option<Product>);
