//! Views at the owners of users: profile, purchases, activity.

use crate::arrange::view::{View, arrange_here};
use crate::ingest::intern::Action;
use crate::ingest::tags::ResolvedTouch;
use crate::record::event::Kind;
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::{AsCollection, VecCollection};
use std::cmp::Reverse;
use timely::dataflow::operators::vec::Filter;

/// User to tag: the tags that events brought, and the resolved tags of the others.
pub fn profile<'scope>(
    brought: VecCollection<'scope, Time, (u32, u32), Counts>,
    resolved: VecCollection<'scope, Time, ResolvedTouch, Counts>,
) -> View<'scope, u32> {
    let pairs = brought.concat(resolved.map(|ResolvedTouch { user, tag, .. }| (user, tag)));
    arrange_here(pairs, "profile")
}

/// User to the products that the user bought.
pub fn bought<'scope>(actions: VecCollection<'scope, Time, Action, Counts>) -> View<'scope, u32> {
    let purchases = actions.inner.filter(|(_, _, counts)| counts.of(Kind::Purchase) != 0);
    arrange_here(purchases.as_collection().map(|action| (action.user, action.product)), "bought")
}

/// User to the minutes in which the user was active, newest first, counted from the Unix epoch.
pub fn activity<'scope>(
    actions: VecCollection<'scope, Time, Action, Counts>,
) -> View<'scope, Reverse<u32>> {
    let minute = |time: u64| u32::try_from(time / 60_000).unwrap_or(u32::MAX);
    let minutes = actions.map(move |action| (action.user, Reverse(minute(action.time))));
    arrange_here(minutes, "activity")
}
