//! Pairs as they must be: every two events of a user that go together, and what followed directly.

use crate::event::{event_day, event_time};
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::time::{VISIT_GAP, day};
use dataflows::views::pairs::partner::Link;
use std::collections::BTreeSet;

/// The most milliseconds apart of each link that is about them.
const APART: [(u64, Link); 4] = [
    (60_000, Link::Minute),
    (3 * 60_000, Link::ThreeMinutes),
    (8 * 60_000, Link::EightMinutes),
    (30 * 60_000, Link::HalfHour),
];

/// A product in the row of another one.
#[derive(Clone)]
pub(crate) struct Pair {
    /// The product that has the row.
    pub(crate) product: String,
    pub(crate) partner: String,
    /// The kind of the partner's event.
    pub(crate) kind: Kind,
    pub(crate) day: u16,
    /// True if the partner came after the product or with it.
    pub(crate) after: bool,
    pub(crate) link: Link,
    /// The time of the earlier of the two.
    pub(crate) began: u64,
}

/// The pairs that events make, all of which pair.
pub(crate) fn pairs_of(events: &[&OwnedEvent]) -> Vec<Pair> {
    let all = events.iter().flat_map(|event| events.iter().map(move |partner| (event, partner)));
    let pairs = all.filter_map(|(event, partner)| pair(event, partner));
    pairs.chain(followers(events)).collect()
}

/// The partner in the row of the event, unless they are of different users, too far apart, or of one product.
fn pair(event: &OwnedEvent, partner: &OwnedEvent) -> Option<Pair> {
    let (time, other) = (event_time(event), event_time(partner));
    let (_, link) = APART.into_iter().find(|(most, _)| time.abs_diff(other) <= *most)?;
    (event.user == partner.user && event.product != partner.product).then(|| Pair {
        product: event.product.clone(),
        partner: partner.product.clone(),
        kind: partner.event_type.topic(),
        day: event_day(event).max(event_day(partner)),
        after: time <= other,
        link,
        began: time.min(other),
    })
}

/// Each event in the row of what its user had touched just before, by time and then by name.
fn followers(events: &[&OwnedEvent]) -> Vec<Pair> {
    let moments: BTreeSet<(&str, u64, &str)> = events.iter().map(|event| moment(event)).collect();
    let follower = |event: &&OwnedEvent| {
        let (user, time, partner) = moment(event);
        let &(other, began, product) = moments.range(..(user, time, partner)).next_back()?;
        (other == user && time - began <= VISIT_GAP && product != partner).then(|| Pair {
            product: product.into(),
            partner: partner.into(),
            kind: event.event_type.topic(),
            day: day(time),
            after: true,
            link: Link::Next,
            began,
        })
    };
    events.iter().filter_map(follower).collect()
}

/// What events have in common that are one moment.
fn moment(event: &OwnedEvent) -> (&str, u64, &str) {
    (&event.user, event_time(event), &event.product)
}
