//! The time of events: what visits, decay and retention go by, instead of a wall clock.

use crate::inputs::Blocks;
use crate::time::{EventClock, Time, hour};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Broadcast;

/// Lets blocks pass, and tells everyone the hour of the newest event of all, never ahead of
/// ingestion, when it grows.
///
/// What it is at a logical time is the greatest that was told at that time or before.
pub fn hours(blocks: Blocks<'_>) -> (Blocks<'_>, Stream<'_, Time, Vec<u32>>) {
    let mut builder = OperatorBuilder::new("clock".into(), blocks.scope());
    let mut input = builder.new_input(blocks, Pipeline);
    let (blocks, passed) = builder.new_output();
    let (hours, newest) = builder.new_output();
    let mut blocks = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(blocks);
    let mut hours = OutputBuilder::<_, CapacityContainerBuilder<Vec<u32>>>::from(hours);
    builder.build(move |_| {
        let mut told = EventClock::default();
        move |frontiers| {
            let (mut passed, mut hours) = (blocks.activate(), hours.activate());
            input.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let newest = blocks.iter().filter_map(|(_, block)| block.newest()).max();
                let newest = u64::try_from(newest.unwrap_or_default()).unwrap_or_default();
                // Logical time is microseconds, and the wall clock's.
                let hour = hour(newest.min(time / 1000));
                if told.at(time) < hour {
                    told.set(time, hour);
                    hours.session(&capability).give(hour);
                }
                passed.session(&capability).give_container(blocks);
            });
            let next = frontiers[0].frontier().first().copied();
            told.forget_before(next.unwrap_or(Time::MAX));
        }
    });
    (passed, newest.broadcast())
}
