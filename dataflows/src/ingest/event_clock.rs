//! The event clock: retention and fading go by the hour of the newest event, not by a wall clock.

use crate::inputs::Blocks;
use crate::time::{EventClock, Time, hour};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Broadcast;

/// Passes blocks on, and broadcasts the hour of the newest event, never ahead of when its record was
/// written, when it grows.
///
/// The hour as of a logical time is the greatest that was sent at that time or before.
pub fn hours(blocks: Blocks<'_>) -> (Blocks<'_>, Stream<'_, Time, Vec<u32>>) {
    let mut builder = OperatorBuilder::new("event clock".into(), blocks.scope());
    let mut input = builder.new_input(blocks, Pipeline);
    let (blocks, passed) = builder.new_output();
    let (hours, newest) = builder.new_output();
    let mut blocks = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(blocks);
    let mut hours = OutputBuilder::<_, CapacityContainerBuilder<Vec<u32>>>::from(hours);
    builder.build(move |_| {
        let mut sent = EventClock::default();
        move |frontiers| {
            let (mut passed, mut hours) = (blocks.activate(), hours.activate());
            input.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let newest = blocks.iter().map(|(_, block)| block.newest()).max();
                let hour = hour(u64::try_from(newest.unwrap_or_default()).unwrap_or_default());
                if sent.at(time) < hour {
                    sent.set(time, hour);
                    hours.session(&capability).give(hour);
                }
                passed.session(&capability).give_container(blocks);
            });
            let next = frontiers[0].frontier().first().copied();
            sent.forget_before(next.unwrap_or(Time::MAX));
        }
    });
    (passed, newest.broadcast())
}
