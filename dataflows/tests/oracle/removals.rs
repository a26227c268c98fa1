//! Carts that are taken back, as they must be.

use crate::expected::{Counted, Oracle, Place, event_time, stand_in};
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

pub(crate) fn debug(oracle: &Oracle, found: &str, expected: &str) -> String {
    use dataflows::digest::hash::{Digest, Hash};
    use dataflows::digest::rows::DigestedView;
    use dataflows::score::counts::Counts;
    let history = |text: &str| -> u128 {
        let at = text.find("History, Digest(").unwrap() + 16;
        let end = text[at..].find(')').unwrap();
        text[at..at + end].parse().unwrap()
    };
    let want = history(found).wrapping_sub(history(expected));
    let num = |d: Digest| -> u128 { let t = format!("{d:?}"); t[7..t.len()-1].parse().unwrap() };
    let mut flips = vec![];
    for c in &oracle.counted {
        if let Place::History(pairs) = c.place {
            let row = |taken: bool, pairs: bool| num(crate::digests::with_moment(DigestedView::History.row(Hash::of(&c.event.user)), &c.event, pairs, taken).times(Counts::one(c.event.event_type.topic())));
            let now = row(c.is_taken, pairs);
            if c.event.event_type.topic() == Kind::AddToCart {
                flips.push((format!("taken {c:?}"), row(!c.is_taken, pairs).wrapping_sub(now)));
            }
            flips.push((format!("gone {c:?}"), 0u128.wrapping_sub(now)));
            if !is_removal(&c.event) { flips.push((format!("pairs {c:?}"), row(c.is_taken, !pairs).wrapping_sub(now))); }
        }
    }
    let mut out = format!("now {}: ", oracle.now_at_end());
    for (i, (a, x)) in flips.iter().enumerate() {
        if *x == want { out += &format!("\nONE {a}"); }
        for (b, y) in &flips[..i] { if x.wrapping_add(*y) == want { out += &format!("\nTWO {a}\n  AND {b}"); } }
    }
    let mut users: Vec<_> = oracle.counted.iter().filter(|c| c.event.event_type.topic() == Kind::AddToCart && matches!(c.place, Place::History(_))).map(|c| format!("{:?}", (&c.event.user, &c.event.product, c.event.time, c.event.event_type, c.is_taken, &c.origin, &c.event.tags, c.place, c.by_guest))).collect();
    users.sort();
    out + "\n" + &users.join("\n")
}
