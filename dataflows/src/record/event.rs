//! What a visitor did: the one record that everything else is made of.

use serde::{Deserialize, Serialize};

/// What a visitor did with a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Looked at it.
    View,
    /// Put it into the cart.
    AddToCart,
    /// Bought it.
    Purchase,
}

impl Kind {
    /// All kinds, in the order of the components of [`Counts`](crate::score::counts::Counts).
    pub const ALL: [Kind; 3] = [Kind::View, Kind::AddToCart, Kind::Purchase];

    /// The kind's place in [`Kind::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The kind at a place of [`Kind::ALL`].
    pub fn from_index(index: usize) -> Option<Kind> {
        Kind::ALL.get(index).copied()
    }

    /// The name that events, weights and answers use: `view`, `add_to_cart`, `purchase`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::View => "view",
            Kind::AddToCart => "add_to_cart",
            Kind::Purchase => "purchase",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One event, its texts borrowed from the record that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// What was done.
    pub kind: Kind,
    /// When, in milliseconds since the Unix epoch.
    pub time: i64,
    /// By whom.
    pub user: &'a str,
    /// With what.
    pub product: &'a str,
    /// The product's category, or "".
    pub category: &'a str,
    /// The visit, or "".
    pub session: &'a str,
    /// The event's own id, or "".
    pub id: &'a str,
    /// The tags that the event itself brings; at most [`Event::MAX_TAGS`].
    pub tags: Vec<&'a str>,
}

impl Event<'_> {
    /// The longest text that an event may carry, in bytes.
    pub const MAX_TEXT: usize = 512;
    /// The most tags that an event may carry.
    pub const MAX_TAGS: usize = 64;

    /// Whether it is a guest's: of a session without a user, so that the session is the user.
    pub fn is_guests(&self) -> bool {
        self.user == self.session
    }
}

/// An event with its texts owned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnedEvent {
    /// What was done.
    pub kind: Kind,
    /// When, in milliseconds since the Unix epoch.
    pub time: i64,
    /// By whom.
    pub user: String,
    /// With what.
    pub product: String,
    /// The product's category, or "".
    pub category: String,
    /// The visit, or "".
    pub session: String,
    /// The event's own id, or "".
    pub id: String,
    /// The tags that the event itself brought.
    pub tags: Vec<String>,
}

impl From<&Event<'_>> for OwnedEvent {
    fn from(event: &Event<'_>) -> OwnedEvent {
        OwnedEvent {
            kind: event.kind,
            time: event.time,
            user: event.user.into(),
            product: event.product.into(),
            category: event.category.into(),
            session: event.session.into(),
            id: event.id.into(),
            tags: event.tags.iter().map(|&tag| tag.into()).collect(),
        }
    }
}
