//! The digests as they must be: each view, row by row, from all events.

use crate::expected::{Moment, Oracle, event_day, event_time};
use crate::script::LIMITS;
use dataflows::digest::hash::{Digest, Hash};
use dataflows::digest::rows::{DigestedView, with_description};
use dataflows::graph::Mode;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::score::counts::Counts;
use dataflows::time::{DAY_HOURS, VISIT_GAP};
use dataflows::views::pairs::partner::NEAR;

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
                    let has_category = !event.category.is_empty();
                    let tag = if has_category { &event.category } else { &event.product };
                    let row = row(&event.product).then(Hash::of(&event.user)).then(Hash::of(tag));
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
                    row.then_number(event_time(event)).then_number((*pairs).into()).times(of(event))
                })
                .sum(),
            DigestedView::Pairs => {
                let ordered = self.history.iter().flat_map(|one| {
                    self.history
                        .iter()
                        .filter(|other| is_pair(one, other))
                        .map(move |other| (one, other))
                });
                ordered
                    .map(|((event, _), (other, _))| {
                        let (time, other_time) = (event_time(event), event_time(other));
                        let day = event_day(event).max(event_day(other));
                        let (after, near) = (time <= other_time, time.abs_diff(other_time) <= NEAR);
                        let rest = u64::from(day) << 2 | u64::from(after) << 1 | u64::from(near);
                        let row = row(&event.product).then(Hash::of(&other.product));
                        row.then_number(rest).times(of(other))
                    })
                    .sum()
            }
            DigestedView::Popularity => {
                let now = self.now_at_end();
                let is_kept = |event: &&OwnedEvent| {
                    now < (u32::from(event_day(event)) + 1) * DAY_HOURS - 1 + LIMITS.horizon
                };
                events
                    .filter(is_kept)
                    .flat_map(|event| {
                        let tags = self.tags(event).into_iter().chain([""]);
                        tags.map(move |tag| (event, tag))
                    })
                    .map(|(event, tag)| {
                        let row = row(tag).then(Hash::of(&event.product));
                        row.then_number(event_day(event).into()).times(of(event))
                    })
                    .sum()
            }
        }
    }
}

/// True if the second moment enters the row of the first. Events of one moment do not pair.
fn is_pair((one, pairs): &Moment, (other, others_pair): &Moment) -> bool {
    let is_same = event_time(one) == event_time(other) && one.product == other.product;
    let apart = event_time(one).abs_diff(event_time(other));
    *pairs && *others_pair && one.user == other.user && !is_same && apart <= VISIT_GAP
}
