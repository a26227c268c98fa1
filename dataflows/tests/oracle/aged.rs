//! Pairs and popularity of what has left the history by age, as they must be.

use crate::expected::{AgedPair, AgedPopular, Counted, Oracle, Place, event_day};
use crate::history::Pair;
use crate::moves::is_too_old;
use crate::script::{LIMITS, PAIRS_DAYS};
use dataflows::time::DAY_HOURS;
use dataflows::views::popularity::OVERALL;

impl Oracle {
    /// The pairs of what has left.
    pub(crate) fn aged_pairs(&self) -> impl Iterator<Item = Pair<'_>> {
        self.aged.pairs.iter().map(|AgedPair { product, partner, kind, day, after, near }| Pair {
            product,
            partner,
            kind: *kind,
            day: *day,
            after: *after,
            near: *near,
        })
    }

    /// Keeps what stays of the moments that leave by now, and takes out what was too old by the step before.
    pub(crate) fn age(&mut self, before: u16) {
        let now = self.now_at_end();
        let pairs = |counted: &&Counted| counted.place == Place::History(true) && counted.counts();
        let leaves = |counted: &Counted| is_too_old(&counted.event, now);
        let mut aged = std::mem::take(&mut self.aged);
        aged.pairs.retain_mut(|pair| stays(&mut pair.day, before));
        aged.popular.retain_mut(|popular| stays(&mut popular.day, before));
        for one in self.counted.iter().filter(pairs) {
            for other in self.counted.iter().filter(pairs) {
                let pair = Pair::of(&one.event, &other.event);
                aged.pairs.extend(pair.filter(|_| leaves(one) || leaves(other)).map(|pair| {
                    let Pair { product, partner, kind, day, after, near } = pair;
                    let (product, partner) = (product.into(), partner.into());
                    AgedPair { product, partner, kind, day, after, near }
                }));
            }
        }
        for Counted { event, .. } in
            self.counted.iter().filter(pairs).filter(|counted| leaves(counted))
        {
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
