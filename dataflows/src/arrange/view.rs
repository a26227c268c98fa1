//! Arrangements by id, and how a collection becomes one.

use super::packed::{PackedBatcher, PackedSpine, Value};
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent, arrangement::arrange_core};
use differential_dataflow::{ExchangeData, VecCollection};
use timely::dataflow::channels::pact::Pipeline;

/// How a view by id is kept: key to value, counted by kind.
pub type ViewSpine<V> = PackedSpine<V, Counts>;
/// A view by id.
pub type View<'scope, V> = Arranged<'scope, TraceAgent<ViewSpine<V>>>;

/// Arranges what is with its owner already: no exchange.
pub(crate) fn arrange_here<'scope, V: Value, R: ExchangeData + Semigroup>(
    collection: VecCollection<'scope, Time, (u32, V), R>,
    name: &str,
) -> Arranged<'scope, TraceAgent<PackedSpine<V, R>>> {
    arrange_core::<_, _, _, PackedSpine<V, R>>(collection.inner, Pipeline, name, |_, _| {
        PackedBatcher::default()
    })
}
