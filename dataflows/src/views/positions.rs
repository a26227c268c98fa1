//! Positions of partitions: a collection like the others, so that the state as of a time and the
//! offsets as of that time agree.

use crate::arrange::packed::PackedSpine;
use crate::arrange::view::arrange_here;
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::hash::stable_hash;
use crate::time::Time;
use differential_dataflow::AsCollection;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

/// The trace of [`positions`]: the keys are partitions, the sum of the differences the next offset.
pub type PositionSpine = PackedSpine<(), i64>;

/// Sums advances by partition, named `topic/index`, at the owner of its name.
pub fn positions<'scope>(
    advances: Stream<'scope, Time, Vec<(String, i64)>>,
    dictionaries: SharedDictionaries,
) -> Arranged<'scope, TraceAgent<PositionSpine>> {
    let by_owner = Exchange::new(|(name, _): &(String, i64)| stable_hash(name.as_bytes()));
    let owned =
        advances.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
            by_owner,
            "intern partitions",
            |_, _| {
                move |input, output| {
                    input.for_each(|capability, advances| {
                        let time = *capability.least().expect("data has a time");
                        let mut dictionaries = dictionaries.borrow_mut();
                        output.session(&capability).give_iterator(advances.drain(..).map(
                            |(name, by)| ((dictionaries.partitions.intern(&name), ()), time, by),
                        ));
                    });
                }
            },
        );
    arrange_here(owned.as_collection(), "positions")
}
