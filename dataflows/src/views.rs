//! The views that lie with their users: profile, what was bought, activity.

use crate::Time;
use crate::counts::Counts;
use crate::event::Kind;
use crate::intern::Touch;
use crate::tags::Tagged;
use differential_dataflow::VecCollection;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent, arrangement::arrange_core};
use differential_dataflow::trace::implementations::{ValBatcher, ValSpine};
use std::cmp::Reverse;
use timely::dataflow::channels::pact::Pipeline;

/// How a view by id is kept: key to value, counted by kind.
pub type ViewSpine<V> = ValSpine<u32, V, Time, Counts>;
/// A view by id.
pub type View<'scope, V> = Arranged<'scope, TraceAgent<ViewSpine<V>>>;

/// User to tag: what every visitor cares about.
pub fn profile<'scope>(tagged: VecCollection<'scope, Time, Tagged, Counts>) -> View<'scope, u32> {
    arrange_here(tagged.map(|(user, tag, _)| (user, tag)), "profile")
}

/// User to product: what every visitor has bought.
pub fn bought<'scope>(touches: VecCollection<'scope, Time, Touch, Counts>) -> View<'scope, u32> {
    use differential_dataflow::AsCollection;
    use timely::dataflow::operators::vec::Filter;
    let purchases =
        touches.inner.filter(|(touch, _, counts)| touch.first && counts.of(Kind::Purchase) != 0);
    arrange_here(purchases.as_collection().map(|touch| (touch.user, touch.product)), "bought")
}

/// User to minute, newest first: when every visitor was active, and how often in all.
pub fn activity<'scope>(
    touches: VecCollection<'scope, Time, Touch, Counts>,
) -> View<'scope, Reverse<u32>> {
    let events = touches.filter(|touch| touch.first);
    arrange_here(events.map(|touch| (touch.user, Reverse(touch.minute))), "activity")
}

/// Arranges what is with its owner already: no exchange.
pub(crate) fn arrange_here<'scope, V: differential_dataflow::ExchangeData>(
    collection: VecCollection<'scope, Time, (u32, V), Counts>,
    name: &str,
) -> View<'scope, V> {
    arrange_core::<_, _, _, ViewSpine<V>>(
        collection.inner,
        Pipeline,
        name,
        ValBatcher::<u32, V, Time, Counts>::new,
    )
}
