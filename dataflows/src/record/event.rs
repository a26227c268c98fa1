//! An event: a visitor viewed, carted or bought a product, or took it out of the cart. All views are made of events.

use serde::{Deserialize, Serialize};

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The visitor looked at the product.
    View,
    /// The visitor put it into the cart.
    AddToCart,
    /// The visitor bought it.
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

    /// The kind with a name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// As [`Kind::View`].
    View,
    /// As [`Kind::AddToCart`].
    AddToCart,
    /// As [`Kind::Purchase`].
    Purchase,
    /// The visitor took the product out of the cart: the latest cart before it counts no longer.
    RemoveFromCart,
}

impl EventType {
    /// All of them, first those of [`Kind::ALL`].
    pub const ALL: [EventType; 4] =
        [EventType::View, EventType::AddToCart, EventType::Purchase, EventType::RemoveFromCart];

    /// Its place in [`EventType::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The type at a place of [`EventType::ALL`].
    pub fn from_index(index: usize) -> Option<EventType> {
        EventType::ALL.get(index).copied()
    }

    /// The kind as which the event counts; none for a removal.
    pub fn kind(self) -> Option<Kind> {
        Kind::from_index(self.index())
    }

    /// The name in events: that of the kind, or `remove_from_cart`.
    pub fn name(self) -> &'static str {
        self.kind().map_or("remove_from_cart", Kind::name)
    }

    /// The type with a name.
    pub fn from_name(name: &str) -> Option<EventType> {
        EventType::ALL.into_iter().find(|event_type| event_type.name() == name)
    }

    /// The kind of the topic that such events are written to: removals come in the order of carts.
    pub fn topic(self) -> Kind {
        self.kind().unwrap_or(Kind::AddToCart)
    }
}

impl From<Kind> for EventType {
    fn from(kind: Kind) -> EventType {
        match kind {
            Kind::View => EventType::View,
            Kind::AddToCart => EventType::AddToCart,
            Kind::Purchase => EventType::Purchase,
        }
    }
}

/// An event whose texts are borrowed from the record that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// What it says.
    pub event_type: EventType,
    /// The time, in milliseconds since the Unix epoch.
    pub time: i64,
    /// The user.
    pub user: &'a str,
    /// The product.
    pub product: &'a str,
    /// The product's category, or "".
    pub category: &'a str,
    /// The session, or "".
    pub session: &'a str,
    /// The event's own id, or "".
    pub id: &'a str,
    /// The tags in the record; at most [`Event::MAX_TAGS`].
    pub tags: Vec<&'a str>,
    /// The hour in which the record was written, counted from the Unix epoch.
    pub recorded: u32,
}

impl Event<'_> {
    /// The longest text that an event may carry, in bytes.
    pub const MAX_TEXT: usize = 512;
    /// The most tags that an event may carry.
    pub const MAX_TAGS: usize = 64;

    /// True for a guest's event. A guest has no account: the session stands for the user.
    pub fn is_by_guest(&self) -> bool {
        self.user == self.session
    }
}

/// An event with its texts owned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnedEvent {
    /// What it says.
    pub event_type: EventType,
    /// The time, in milliseconds since the Unix epoch.
    pub time: i64,
    /// The user.
    pub user: String,
    /// The product.
    pub product: String,
    /// The product's category, or "".
    pub category: String,
    /// The session, or "".
    pub session: String,
    /// The event's own id, or "".
    pub id: String,
    /// The tags in the record.
    pub tags: Vec<String>,
}

impl From<&Event<'_>> for OwnedEvent {
    fn from(event: &Event<'_>) -> OwnedEvent {
        OwnedEvent {
            event_type: event.event_type,
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
