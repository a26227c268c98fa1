//! What the history gives as it must be: pairs, and the latest visits.

use crate::expected::{Moment, Oracle, event_day, event_time};
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::time::VISIT_GAP;
use dataflows::views::pairs::partner::NEAR;
use std::cmp::Reverse;

/// A user's latest products, newest first, no product twice.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) visit: Vec<String>,
    /// The products from before the visit.
    pub(crate) earlier: Vec<String>,
}

impl Oracle {
    /// The pairs of the history in the rows of those products that are wanted. Events of one moment do not pair.
    pub(crate) fn pairs_of(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = Pair<'_>> {
        let paired = || self.history.iter().filter(|(_, pairs)| *pairs).map(|(event, _)| event);
        let wanted = paired().filter(move |event| is_wanted(&event.product));
        wanted.flat_map(move |event| paired().filter_map(move |other| Pair::of(event, other)))
    }

    /// The products of a user's latest visits.
    pub(crate) fn seen(&self, history: &[Moment], user: &str) -> Seen {
        let moments = history.iter().filter(|(event, _)| event.user == user);
        let mut moments: Vec<_> = moments.map(|(event, _)| event).collect();
        moments.sort_by_key(|event| (Reverse(event_time(event)), &event.product));
        let (mut seen, mut current, mut last) = (Seen::default(), true, None);
        for event in moments {
            let time = event_time(event);
            current &= last.is_none_or(|last: u64| last - time <= VISIT_GAP);
            last = Some(time);
            if !seen.visit.contains(&event.product) && !seen.earlier.contains(&event.product) {
                let products = if current { &mut seen.visit } else { &mut seen.earlier };
                products.push(event.product.clone());
            }
        }
        seen.earlier.truncate(self.model.blend.earlier_products.into());
        seen
    }
}

/// A product in the row of another one.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    /// The product that has the row.
    pub(crate) product: &'a str,
    pub(crate) partner: &'a str,
    /// The kind of the partner's event.
    pub(crate) kind: Kind,
    pub(crate) day: u16,
    /// True if the partner came after the product or with it.
    pub(crate) after: bool,
    pub(crate) near: bool,
}

impl<'a> Pair<'a> {
    /// The pair of two events, unless they are of different users, too far apart, or of one moment.
    pub(crate) fn of(event: &'a OwnedEvent, partner: &'a OwnedEvent) -> Option<Pair<'a>> {
        let (time, other) = (event_time(event), event_time(partner));
        let is_same = time == other && event.product == partner.product;
        let apart = time.abs_diff(other);
        (event.user == partner.user && !is_same && apart <= VISIT_GAP).then(|| Pair {
            product: &event.product,
            partner: &partner.product,
            kind: partner.event_type.topic(),
            day: event_day(event).max(event_day(partner)),
            after: time <= other,
            near: apart <= NEAR,
        })
    }
}
