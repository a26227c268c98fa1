//! What the history gives as it must be: the latest visits.

use crate::event::event_time;
use crate::expected::Oracle;
use dataflows::time::VISIT_GAP;
use std::cmp::Reverse;

/// The most products from before a visit that count.
const MAX_BEFORE: usize = 10;

/// A user's latest products, newest first, no product twice.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) visit: Vec<String>,
    /// The products from before the visit.
    pub(crate) earlier: Vec<String>,
}

impl Oracle {
    /// The products of a user's latest visits.
    pub(crate) fn seen(&self, user: &str) -> Seen {
        let moments = self.history.iter().filter(|(event, _)| event.user == user);
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
        seen.earlier.truncate(MAX_BEFORE);
        seen
    }
}
