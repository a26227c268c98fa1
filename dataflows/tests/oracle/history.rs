//! The history as it must be: computed from all events, in the order in which they came.

use crate::expected::{Moment, Oracle, event_day, event_time};
use crate::script::LIMITS;
use dataflows::record::event::OwnedEvent;
use dataflows::time::{VISIT_GAP, hour};
use dataflows::views::pairs::partner::NEAR;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A user's latest products, newest first, no product twice.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) visit: Vec<String>,
    /// The products from before the visit.
    pub(crate) earlier: Vec<String>,
}

impl Oracle {
    /// The moments of the history, without those that came too late, are too old by now, or are too
    /// many.
    pub(crate) fn compute_history(&self) -> Vec<Moment> {
        let mut newest: BTreeMap<&str, u16> = BTreeMap::new();
        let mut counts: BTreeMap<(&str, u16, bool), u32> = BTreeMap::new();
        let mut history = Vec::new();
        let (mut begin, now) = (0, self.now_at_end());
        let kept_at = |now: u32, event: &OwnedEvent| now < hour(event_time(event)) + LIMITS.horizon;
        for (step, &(_, end)) in self.step_ends.iter().enumerate() {
            let then = self.now(step);
            for [retracted, _] in &self.moves[step] {
                // Of equal moments those that do not pair go first.
                let is_equal = |(event, _): &&Moment| same_moment(event, retracted);
                let pairs = history.iter().filter(is_equal).map(|(_, pairs)| *pairs).min();
                let is_retracted = |moment: &Moment| is_equal(&moment) && Some(moment.1) == pairs;
                if let Some(place) = history.iter().position(is_retracted) {
                    history.remove(place);
                }
            }
            let moved = self.moves[step].iter().map(|[_, moved]| moved);
            let new = self.on_arrival[begin..end].iter().chain(moved);
            let mut new: Vec<&OwnedEvent> = new.filter(|event| kept_at(then, event)).collect();
            begin = end;
            for event in &new {
                let newest = newest.entry(&event.user).or_default();
                *newest = event_day(event).max(*newest);
            }
            new.sort_by_key(|event| (event_time(event), &event.product, Reverse(event.kind)));
            for event in new {
                let day = event_day(event);
                let count = counts.entry((&event.user, day, newest[&*event.user] == day));
                let count = count.and_modify(|count| *count += 1).or_insert(1);
                if *count <= LIMITS.kept && kept_at(now, event) {
                    history.push((event.clone(), *count <= LIMITS.paired));
                }
            }
        }
        history
    }

    /// The pairs in the rows of those products whose moments are wanted. Events of one moment do not pair.
    pub(crate) fn pairs_of(
        &self,
        is_wanted: impl Fn(&OwnedEvent) -> bool,
    ) -> impl Iterator<Item = Pair<'_>> {
        let paired = || self.history.iter().filter(|(_, pairs)| *pairs).map(|(event, _)| event);
        let wanted = paired().filter(move |event| is_wanted(event));
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

/// A moment in the row of another's product.
pub(crate) struct Pair<'a> {
    /// The event whose product has the row.
    pub(crate) event: &'a OwnedEvent,
    pub(crate) partner: &'a OwnedEvent,
    pub(crate) day: u16,
    /// True if the partner came after the event or with it.
    pub(crate) after: bool,
    pub(crate) near: bool,
}

impl<'a> Pair<'a> {
    fn of(event: &'a OwnedEvent, partner: &'a OwnedEvent) -> Option<Pair<'a>> {
        let (time, other) = (event_time(event), event_time(partner));
        let is_same = time == other && event.product == partner.product;
        let apart = time.abs_diff(other);
        (event.user == partner.user && !is_same && apart <= VISIT_GAP).then(|| Pair {
            event,
            partner,
            day: event_day(event).max(event_day(partner)),
            after: time <= other,
            near: apart <= NEAR,
        })
    }
}

/// True if two events are the same moment of the same user, and of the same kind.
fn same_moment(one: &OwnedEvent, other: &OwnedEvent) -> bool {
    let of = |event: &OwnedEvent| (event_time(event), event.kind);
    of(one) == of(other) && one.user == other.user && one.product == other.product
}
