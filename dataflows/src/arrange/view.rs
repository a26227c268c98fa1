//! Views: collections arranged by id.

use super::packed::{PackedBatcher, PackedSpine, Value};
use crate::score::counts::Counts;
use crate::time::Time;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent, arrangement::arrange_core};
use differential_dataflow::{ExchangeData, VecCollection};
use timely::dataflow::channels::pact::Pipeline;

/// The trace of a view: key to value, with counts by kind of event.
pub type ViewSpine<V> = PackedSpine<V, Counts>;
/// A view: an arrangement by id.
pub type View<'scope, V> = Arranged<'scope, TraceAgent<ViewSpine<V>>>;

/// Changes of a view, before they are sorted.
pub type Changes<'scope, V> = VecCollection<'scope, Time, (u32, V), Counts>;

/// Arranges updates at the worker where they are, without an exchange.
pub(crate) fn arrange_here<'scope, V: Value, R: ExchangeData + Semigroup>(
    collection: VecCollection<'scope, Time, (u32, V), R>,
    name: &str,
) -> Arranged<'scope, TraceAgent<PackedSpine<V, R>>> {
    arrange_core::<_, _, _, PackedSpine<V, R>>(collection.inner, Pipeline, name, |_, _| {
        PackedBatcher::default()
    })
}
