//! Carts that are taken back, as they must be.

use crate::event::event_time;
use crate::expected::{Counted, Oracle, Place, stand_in};
use dataflows::record::event::{EventType, Kind, OwnedEvent};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// True for a removal from the cart.
pub(crate) fn is_removal(event: &OwnedEvent) -> bool {
    event.event_type == EventType::RemoveFromCart
}

impl Counted {
    /// Whether it counts for anything: it is no removal, and none has taken it back.
    pub(crate) fn counts(&self) -> bool {
        !is_removal(&self.event) && !self.is_taken
    }
}

impl Oracle {
    /// Has those carts taken back that removals take, and no others.
    pub(crate) fn take_back(&mut self) {
        let matches = self.matches();
        let carts = self.counted.iter_mut().filter(|counted| !is_removal(&counted.event));
        carts.for_each(|cart| cart.is_taken = false);
        for (cart, _) in matches {
            self.counted[cart].is_taken = true;
        }
    }

    /// The places of carts, and of the removals that take them: each the latest cart before it that no other has.
    pub(crate) fn matches(&self) -> Vec<(usize, usize)> {
        let mut places: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (place, Counted { event, place: accounted, is_taken, .. }) in
            self.counted.iter().enumerate()
        {
            let is_spent = is_removal(event) && *is_taken;
            if event.event_type.topic() == Kind::AddToCart
                && matches!(accounted, Place::History(_))
                && !is_spent
            {
                places.entry((&event.user, &event.product)).or_default().push(place);
            }
        }
        let mut matches = Vec::new();
        for mut places in places.into_values() {
            places.sort_by_cached_key(|place| order(&self.counted[*place]));
            let mut carts = Vec::new();
            for place in places {
                if !is_removal(&self.counted[place].event) {
                    carts.push(place);
                } else if let Some(cart) = carts.pop() {
                    matches.push((cart, place));
                }
            }
        }
        matches
    }
}

/// The order of carts and removals: by time, carts first, and carts of one time by what can be told of them.
fn order(counted: &Counted) -> impl Ord + use<> {
    let Counted { event, origin, place, by_guest, .. } = counted;
    let mut tags = event.tags.clone();
    tags.sort_unstable();
    let has_none = tags.is_empty();
    if has_none && !is_removal(event) {
        tags.push(stand_in(event).into());
    }
    let is_others = *origin != event.user;
    let of_origin = (*place != Place::History(true), is_others, Reverse(origin.clone()));
    (event_time(event), is_removal(event), has_none, tags, *by_guest, of_origin)
}
