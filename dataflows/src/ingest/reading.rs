//! What is still to be read: the hour before which all records of all partitions have been read.

use crate::record::reached::Reached;
use std::collections::HashMap;

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
