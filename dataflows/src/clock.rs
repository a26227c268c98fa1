//! The time of events: what visits, decay and retention go by, instead of a wall clock.

use crate::Time;
use crate::intern::Blocks;
use std::collections::BTreeMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Broadcast;

/// Milliseconds in an hour, the clock's unit.
pub const HOUR: u64 = 60 * 60 * 1000;

/// Hours in a day.
pub const DAY_HOURS: u32 = 24;

/// The hour of a time in milliseconds, counted from the Unix epoch.
pub fn hour(time: u64) -> u32 {
    u32::try_from(time / HOUR).unwrap_or(u32::MAX)
}

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
        let mut told = Clock::default();
        move |_| {
            let (mut passed, mut hours) = (blocks.activate(), hours.activate());
            input.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let newest = blocks.iter().filter_map(|(_, block)| block.newest()).max();
                let newest = u64::try_from(newest.unwrap_or_default()).unwrap_or_default();
                // Logical time is microseconds, and the wall clock's.
                let hour = hour(newest.min(time / 1000));
                if told.at(time) < hour {
                    told.tell(time, hour);
                    hours.session(&capability).give(hour);
                }
                passed.session(&capability).give_container(blocks);
            });
        }
    });
    (passed, newest.broadcast())
}

/// The hours that were told, by logical time.
#[derive(Default)]
pub struct Clock(BTreeMap<Time, u32>);

impl Clock {
    /// How many entries are kept at least. What is forgotten may be told twice, no more.
    const KEPT: usize = 64;

    /// Notes what was told.
    pub fn tell(&mut self, time: Time, hour: u32) {
        let told = self.0.entry(time).or_default();
        *told = hour.max(*told);
    }

    /// The hour as of a logical time.
    pub fn at(&self, time: Time) -> u32 {
        self.0.range(..=time).map(|(_, &hour)| hour).max().unwrap_or_default()
    }

    /// Forgets what nobody asks for who asks for this time or later.
    pub fn forget_before(&mut self, time: Time) {
        if self.0.len() > Clock::KEPT {
            let hour = self.at(time);
            self.0 = self.0.split_off(&time);
            self.tell(time, hour);
        }
    }
}
