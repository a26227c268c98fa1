//! What is still to be read: the hour before which all records of all partitions have been read.

use crate::record::reached::Reached;
use crate::time::{EventClock, Time};
use std::collections::{BTreeMap, HashMap};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

/// The hour before which no record is left to read, when it grows, from how far all partitions have been read.
pub fn oldest_hours(reached: Stream<'_, Time, Vec<Reached>>) -> Stream<'_, Time, Vec<u32>> {
    let workers = reached.scope().peers();
    reached.unary_frontier::<CapacityContainerBuilder<Vec<u32>>, _, _, _>(
        Pipeline,
        "oldest hours",
        |_, _| {
            let mut waiting: BTreeMap<Time, (Capability<Time>, Vec<Reached>)> = BTreeMap::new();
            let mut reading = Reading::new(workers);
            move |(reached, frontier), output| {
                reached.for_each(|capability, reached| {
                    let capability = capability.retain_least(0).expect("data has a time");
                    let time = *capability.time();
                    waiting.entry(time).or_insert((capability, vec![])).1.append(reached);
                });
                while let Some(first) = waiting.first_entry()
                    && !frontier.less_equal(first.key())
                {
                    let (capability, reached) = first.remove();
                    let before = reading.oldest();
                    reached.into_iter().for_each(|reached| reading.note(reached));
                    if reading.oldest() > before {
                        output.session(&capability).give(reading.oldest());
                    }
                }
            }
        },
    )
}

/// The hour that ages are counted from, when it grows: that of the newest event, but never one of which a record is
/// left to read. So what leaves by age does so in whatever order partitions are read.
pub fn ages<'scope>(
    newest: Stream<'scope, Time, Vec<u32>>,
    oldest: Stream<'scope, Time, Vec<u32>>,
) -> Stream<'scope, Time, Vec<u32>> {
    newest.binary_frontier::<_, CapacityContainerBuilder<Vec<u32>>, _, _, _, _>(
        oldest,
        Pipeline,
        Pipeline,
        "ages",
        |_, _| {
            let mut waiting: BTreeMap<Time, Capability<Time>> = BTreeMap::new();
            let mut clocks = [EventClock::default(), EventClock::default()];
            let mut last = 0;
            move |(newest, newest_frontier), (oldest, oldest_frontier), output| {
                for (input, clock) in [newest, oldest].into_iter().zip(&mut clocks) {
                    input.for_each(|capability, hours| {
                        let capability = capability.retain_least(0).expect("data has a time");
                        let time = *capability.time();
                        hours.drain(..).for_each(|hour| clock.set(time, hour));
                        waiting.entry(time).or_insert(capability);
                    });
                }
                while let Some(first) = waiting.first_entry()
                    && !newest_frontier.less_equal(first.key())
                    && !oldest_frontier.less_equal(first.key())
                {
                    let (time, capability) = first.remove_entry();
                    let hour = clocks.iter().map(|clock| clock.at(time)).min();
                    if let Some(hour) = hour.filter(|hour| *hour > last) {
                        output.session(&capability).give(hour);
                        last = hour;
                    }
                    clocks.iter_mut().for_each(|clock| clock.forget_before(time));
                }
            }
        },
    )
}

/// How far the partitions of all processes have been read.
pub struct Reading {
    /// The next hour of each partition that is behind.
    behind: HashMap<String, u32>,
    newest: u32,
    oldest: u32,
}

impl Reading {
    /// Nothing is known before each of so many workers has told, by [`Reading::all_known`], that it has
    /// named its partitions.
    pub fn new(workers: usize) -> Reading {
        let behind = (0..workers).map(|worker| (worker_name(worker), 0)).collect();
        Reading { behind, newest: 0, oldest: 0 }
    }

    /// Says that a worker has named all partitions that it reads at first.
    pub fn all_known(worker: usize) -> Reached {
        Reached { partition: worker_name(worker), hour: 0, is_behind: false }
    }

    /// Notes how far a partition has been read.
    pub fn note(&mut self, Reached { partition, hour, is_behind }: Reached) {
        self.newest = self.newest.max(hour);
        if is_behind {
            self.behind.insert(partition, hour);
        } else {
            self.behind.remove(&partition);
        }
        let oldest = self.behind.values().min().copied().unwrap_or(self.newest);
        self.oldest = self.oldest.max(oldest);
    }

    /// The hour before which no record is left to read, counted from the Unix epoch. It never goes back:
    /// what a partition that appears later has of before is late.
    pub fn oldest(&self) -> u32 {
        self.oldest
    }
}

/// No partition has a name like this.
fn worker_name(worker: usize) -> String {
    format!("worker {worker}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_old_as_the_partition_that_is_furthest_behind() {
        let reached = |partition: &str, hour, is_behind| {
            let partition = partition.into();
            Reached { partition, hour, is_behind }
        };
        let mut reading = Reading::new(2);
        let mut oldest = |reached| {
            reading.note(reached);
            reading.oldest()
        };
        assert_eq!(oldest(reached("a", 50, true)), 0, "nobody knows what others have");
        assert_eq!(oldest(Reading::all_known(0)), 0);
        assert_eq!(oldest(reached("b", 40, true)), 0);
        assert_eq!(oldest(Reading::all_known(1)), 40);
        assert_eq!(oldest(reached("b", 60, true)), 50);
        assert_eq!(oldest(reached("a", 55, false)), 60, "it has nothing left to read");
        assert_eq!(oldest(reached("b", 61, false)), 61);
        assert_eq!(oldest(reached("a", 70, false)), 70);
        assert_eq!(oldest(reached("new", 3, true)), 70, "it never goes back");
    }
}
