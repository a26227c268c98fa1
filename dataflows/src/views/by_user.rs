//! The views that lie with their users: profile, what was bought, activity.

use crate::arrange::view::{View, arrange_here};
use crate::ingest::intern::Action;
use crate::ingest::tags::Tagged;
use crate::record::event::Kind;
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::{AsCollection, VecCollection};
use std::cmp::Reverse;
use timely::dataflow::operators::vec::Filter;

/// User to tag: what every visitor cares about, by the tags that events brought and by those that
/// their products have.
pub fn profile<'scope>(
    brought: VecCollection<'scope, Time, (u32, u32), Counts>,
    tagged: VecCollection<'scope, Time, Tagged, Counts>,
) -> View<'scope, u32> {
    let pairs = brought.concat(tagged.map(|Tagged { user, tag, .. }| (user, tag)));
    arrange_here(pairs, "profile")
}

/// User to product: what every visitor has bought.
pub fn bought<'scope>(actions: VecCollection<'scope, Time, Action, Counts>) -> View<'scope, u32> {
    let purchases = actions.inner.filter(|(_, _, counts)| counts.of(Kind::Purchase) != 0);
    arrange_here(purchases.as_collection().map(|action| (action.user, action.product)), "bought")
}

/// User to minute, newest first: when every visitor was active, and how often in all.
pub fn activity<'scope>(
    actions: VecCollection<'scope, Time, Action, Counts>,
) -> View<'scope, Reverse<u32>> {
    let minute = |time: u64| u32::try_from(time / 60_000).unwrap_or(u32::MAX);
    let minutes = actions.map(move |action| (action.user, Reverse(minute(action.time))));
    arrange_here(minutes, "activity")
}
