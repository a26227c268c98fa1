//! The views that lie with their users: profile, what was bought, activity.

use crate::Time;
use crate::counts::Counts;
use crate::event::Kind;
use crate::intern::Action;
use crate::packed::{PackedBatcher, PackedSpine, Value};
use crate::tags::Tagged;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent, arrangement::arrange_core};
use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use std::cmp::Reverse;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::Filter;

/// How a view by id is kept: key to value, counted by kind.
pub type ViewSpine<V> = PackedSpine<V, Counts>;
/// A view by id.
pub type View<'scope, V> = Arranged<'scope, TraceAgent<ViewSpine<V>>>;

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

/// Arranges what is with its owner already: no exchange.
pub(crate) fn arrange_here<'scope, V: Value, R: ExchangeData + Semigroup>(
    collection: VecCollection<'scope, Time, (u32, V), R>,
    name: &str,
) -> Arranged<'scope, TraceAgent<PackedSpine<V, R>>> {
    arrange_core::<_, _, _, PackedSpine<V, R>>(collection.inner, Pipeline, name, |_, _| {
        PackedBatcher::default()
    })
}
