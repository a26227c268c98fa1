//! Pairs and popularity of what has left the history by age, as they must be.

use crate::event::event_day;
use crate::expected::{AgedPopular, Counted, Oracle, Place};
use crate::moves::{is_too_old, is_too_old_at};
use crate::pairs::pairs_of;
use crate::script::{LIMITS, PAIRS_DAYS};
use dataflows::time::DAY_HOURS;
use dataflows::views::popularity::OVERALL;

impl Oracle {
    /// Keeps what stays of the moments that leave by now, and takes out what was too old by the step before.
    pub(crate) fn age(&mut self, before: u16) {
        let now = self.now_at_end();
        let pairs = |counted: &&Counted| counted.place == Place::History(true) && counted.counts();
        let mut aged = std::mem::take(&mut self.aged);
        aged.pairs.retain_mut(|pair| stays(&mut pair.day, before));
        aged.popular.retain_mut(|popular| stays(&mut popular.day, before));
        let events = self.counted.iter().filter(pairs).map(|counted| &counted.event);
        let events: Vec<_> = events.collect();
        let made = pairs_of(&events).into_iter();
        aged.pairs.extend(made.filter(|pair| is_too_old_at(pair.began, now)));
        for event in events.into_iter().filter(|event| is_too_old(event, now)) {
            let tags = self.tags(event).into_iter().chain([OVERALL]);
            aged.popular.extend(tags.map(|tag| AgedPopular {
                tag: tag.into(),
                product: event.product.clone(),
                kind: event.event_type.topic(),
                day: event_day(event),
            }));
        }
        self.aged = aged;
    }
}

/// False for a day that is too old. One that is old enough becomes the first of its week.
fn stays(day: &mut u16, today: u16) -> bool {
    let apart = u16::try_from(LIMITS.horizon.div_ceil(DAY_HOURS)).expect("a few days") + 3;
    let first = *day / 7 * 7;
    if first + 6 + apart < today {
        *day = first;
    }
    today <= *day + PAIRS_DAYS
}
