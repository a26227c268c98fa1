//! The digests as they must be: each view, row by row, from all events.

use crate::event::{event_day, event_time};
use crate::expected::{Counted, Oracle, Place, stand_in};
use crate::pairs::Pair;
use crate::removals::is_removal;
use dataflows::digest::hash::{Digest, Hash};
use dataflows::digest::rows::{DigestedView, with_description, with_tags};
use dataflows::graph::Mode;
use dataflows::questions::query::ProductDays;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::score::counts::Counts;
use dataflows::views::popularity::OVERALL;
use std::collections::BTreeMap;

impl Oracle {
    /// The digests of all views that are kept.
    pub(crate) fn digests(&self) -> Vec<(DigestedView, Digest)> {
        let of_profiles = [
            DigestedView::StandIns,
            DigestedView::Profile,
            DigestedView::Catalogue,
            DigestedView::Moved,
        ];
        let views = DigestedView::ALL.into_iter();
        let kept = views.filter(|view| self.mode == Mode::All || of_profiles.contains(view));
        kept.map(|view| (view, self.digest(view))).collect()
    }

    /// Each touch of a product by tag and overall, with its day and kind.
    fn touches(&self) -> impl Iterator<Item = (&str, &str, u16, Kind)> {
        let of_history = self.history.iter().flat_map(|(event, _)| {
            let tags = self.tags(event).into_iter().chain([OVERALL]);
            tags.map(move |tag| (tag, &*event.product, event_day(event), event.event_type.topic()))
        });
        let aged = self.aged.popular.iter();
        of_history.chain(aged.map(|it| (&*it.tag, &*it.product, it.day, it.kind)))
    }

    /// On which days a product was touched, and how often.
    pub(crate) fn product_days(&self, product: &str) -> ProductDays {
        let mut days: BTreeMap<u16, [i64; 3]> = BTreeMap::new();
        let overall = self.touches().filter(|(tag, of, ..)| *tag == OVERALL && *of == product);
        for (_, _, day, kind) in overall.filter(|_| self.mode == Mode::All) {
            days.entry(day).or_default()[kind.index()] += 1;
        }
        days.into_iter().collect()
    }

    fn digest(&self, view: DigestedView) -> Digest {
        let row = |key: &str| view.row(Hash::of(key));
        let counting = || self.counted.iter().filter(|counted| counted.counts());
        let events = counting().map(|counted| &counted.event);
        let of = |event: &OwnedEvent| Counts::one(event.event_type.topic());
        match view {
            DigestedView::Profile => events
                .flat_map(|event| self.tags(event).into_iter().map(move |tag| (event, tag)))
                .map(|(event, tag)| row(&event.user).then(Hash::of(tag)).times(of(event)))
                .sum(),
            DigestedView::StandIns => (self.history.iter())
                .filter(|(event, _)| event.tags.is_empty())
                .map(|(event, _)| {
                    let row = row(&event.product).then(Hash::of(&event.user));
                    let row = row.then(Hash::of(stand_in(event)));
                    row.then_number(event_day(event).into()).times(of(event))
                })
                .sum(),
            DigestedView::Catalogue => (self.catalogue.iter())
                .map(|(product, described)| {
                    let row = row(product);
                    described.as_ref().map_or(row, |it| with_description(row, it)).times(1_isize)
                })
                .sum(),
            DigestedView::Bought => events
                .filter(|event| event.event_type == Kind::Purchase.into())
                .map(|event| row(&event.user).then(Hash::of(&event.product)).times(of(event)))
                .sum(),
            DigestedView::Activity => counting()
                .map(|counted| {
                    let event = &counted.event;
                    row(&event.user).then_number(counted.minute()).times(of(event))
                })
                .sum(),
            DigestedView::History => (self.counted.iter())
                .filter_map(|Counted { event, place, is_taken, .. }| match place {
                    Place::History(pairs) => {
                        let row = with_moment(row(&event.user), event, *pairs, *is_taken);
                        Some(row.times(of(event)))
                    }
                    Place::Rest(_) => None,
                })
                .sum(),
            DigestedView::Pairs => (self.pairs.iter())
                .map(|Pair { product, partner, kind, day, after, link, .. }| {
                    let rest = u64::from(*day) << 4 | u64::from(*after) << 3 | *link as u64;
                    let row = row(product).then(Hash::of(partner));
                    row.then_number(rest).times(Counts::one(*kind))
                })
                .sum(),
            DigestedView::Popularity => (self.touches())
                .map(|(tag, product, day, kind)| {
                    let row = row(tag).then(Hash::of(product));
                    row.then_number(day.into()).times(Counts::one(kind))
                })
                .sum(),
            DigestedView::Moved => (self.counted.iter())
                .filter(|counted| counted.origin != counted.event.user)
                .map(|Counted { event, origin, place, .. }| {
                    let row = row(origin).then(Hash::of(&event.user));
                    match place {
                        Place::History(_) => with_moment(row, event, false, false).times(of(event)),
                        Place::Rest(_) => self.rest_rows(row, event),
                    }
                })
                .sum(),
        }
    }

    /// The rows that an event in no history accounts for.
    fn rest_rows(&self, row: Hash, event: &OwnedEvent) -> Digest {
        let of = Counts::one(event.event_type.topic());
        let tags = event.tags.iter().map(|tag| row.then_number(0).then(Hash::of(tag)).times(of));
        let mut sum = tags.sum::<Digest>();
        if self.mode == Mode::Profile {
            return sum;
        }
        if event.event_type == Kind::Purchase.into() {
            sum += row.then_number(1).then(Hash::of(&event.product)).times(of);
        }
        let minute = u64::from(event_day(event)) * 24 * 60;
        sum += row.then_number(2).then_number(minute).times(of);
        sum
    }
}

/// Ends a row with a moment.
fn with_moment(row: Hash, event: &OwnedEvent, pairs: bool, is_taken: bool) -> Hash {
    let row = row.then(Hash::of(&event.product));
    let row = row.then_number(event_time(event) << 1 | u64::from(pairs));
    let tags = event.tags.iter().map(|tag| Hash::of(tag)).collect();
    if is_removal(event) {
        return row.then(with_tags(vec![], false)).then_number(2 + u64::from(is_taken));
    }
    let row = match event.tags.is_empty() {
        true => row.then(with_tags(vec![Hash::of(stand_in(event))], true)),
        false => row.then(with_tags(tags, false)),
    };
    if is_taken { row.then_number(1) } else { row }
}
