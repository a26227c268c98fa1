//! The digests as they must be: each view, row by row, from all events.

use crate::expected::{Oracle, event_day, event_time, stand_in};
use crate::history::Pair;
use dataflows::digest::hash::{Digest, Hash};
use dataflows::digest::rows::{DigestedView, with_description};
use dataflows::graph::Mode;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::score::counts::Counts;
use dataflows::views::popularity::OVERALL;

impl Oracle {
    /// The digests of all views that are kept.
    pub(crate) fn digests(&self) -> Vec<(DigestedView, Digest)> {
        let of_profiles = [DigestedView::StandIns, DigestedView::Profile, DigestedView::Catalogue];
        let views = DigestedView::ALL.into_iter();
        let kept = views.filter(|view| self.mode == Mode::All || of_profiles.contains(view));
        kept.map(|view| (view, self.digest(view))).collect()
    }

    fn digest(&self, view: DigestedView) -> Digest {
        let row = |key: &str| view.row(Hash::of(key));
        let events = self.attributed.iter();
        let of = |event: &OwnedEvent| Counts::one(event.kind);
        match view {
            DigestedView::Profile => events
                .flat_map(|event| self.tags(event).into_iter().map(move |tag| (event, tag)))
                .map(|(event, tag)| row(&event.user).then(Hash::of(tag)).times(of(event)))
                .sum(),
            DigestedView::StandIns => events
                .filter(|event| event.tags.is_empty())
                .map(|event| {
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
                .filter(|event| event.kind == Kind::Purchase)
                .map(|event| row(&event.user).then(Hash::of(&event.product)).times(of(event)))
                .sum(),
            DigestedView::Activity => events
                .map(|event| {
                    row(&event.user).then_number(event_time(event) / 60_000).times(of(event))
                })
                .sum(),
            DigestedView::History => (self.history.iter())
                .map(|(event, pairs)| {
                    let row = row(&event.user).then(Hash::of(&event.product));
                    row.then_number(event_time(event) << 1 | u64::from(*pairs)).times(of(event))
                })
                .sum(),
            DigestedView::Pairs => self
                .pairs_of(|_| true)
                .map(|Pair { event, partner, day, after, near }| {
                    let rest = u64::from(day) << 2 | u64::from(after) << 1 | u64::from(near);
                    let row = row(&event.product).then(Hash::of(&partner.product));
                    row.then_number(rest).times(of(partner))
                })
                .sum(),
            DigestedView::Popularity => self
                .popular_events()
                .flat_map(|event| {
                    let tags = self.tags(event).into_iter().chain([OVERALL]);
                    tags.map(move |tag| (event, tag))
                })
                .map(|(event, tag)| {
                    let row = row(tag).then(Hash::of(&event.product));
                    row.then_number(event_day(event).into()).times(of(event))
                })
                .sum(),
        }
    }
}
