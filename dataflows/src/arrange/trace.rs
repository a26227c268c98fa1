//! What every holder of a view's trace does: it waits until the view has all that came before a time, and lets it compact.

use super::packed::PackedSpine;
use crate::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;

/// True if a trace holds everything before a time.
pub(crate) fn is_sealed<V: ExchangeData, R: ExchangeData + Semigroup>(
    trace: &mut TraceAgent<PackedSpine<V, R>>,
    time: Time,
) -> bool {
    let mut upper = Antichain::new();
    trace.read_upper(&mut upper);
    !upper.less_than(&time)
}

/// Lets a trace compact what is needed for times before a frontier alone. Holding it prevents that otherwise.
pub(crate) fn release<V: ExchangeData, R: ExchangeData + Semigroup>(
    trace: &mut TraceAgent<PackedSpine<V, R>>,
    before: AntichainRef<'_, Time>,
) {
    trace.set_logical_compaction(before);
    trace.set_physical_compaction(before);
}
