//! One line of a click set.

use dataflows::record::event::EventType;

/// One action of a visitor, its texts borrowed from the line.
#[derive(Clone, Debug, PartialEq)]
pub struct ClickRecord<'a> {
    /// What the visitor did. In few sets products are taken out of the cart.
    pub event_type: EventType,
    /// Its time, in milliseconds since the Unix epoch.
    pub time: i64,
    /// The visitor; in sets of visits without visitors, the visit.
    pub user: &'a str,
    /// The visit, or "" where the set has none.
    pub session: &'a str,
    /// The product.
    pub product: &'a str,
    /// The product's category, or "".
    pub category: &'a str,
    /// The product's tags; none where the set has no tags.
    pub tags: Vec<&'a str>,
}

/// The reason why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub(crate) String);
