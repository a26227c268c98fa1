//! The record times of events that have arrived and are not written yet: they tell how fresh a sink's
//! profiles are.

use dataflows::time::Time;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Times at which records were written, in milliseconds since the Unix epoch, each with the number of
/// its events.
pub type RecordTimes = Vec<(i64, u32)>;

/// The record times of a worker's events, by epoch. Cheap to clone.
#[derive(Clone, Default)]
pub struct Arrivals(Rc<RefCell<VecDeque<(Time, RecordTimes)>>>);

impl Arrivals {
    /// Adds events of an epoch, which have come to the owner of their users.
    pub(super) fn add(&self, time: Time, written: &[(i64, u32)]) {
        self.0.borrow_mut().push_back((time, written.to_vec()));
    }

    /// Takes out the record times of all epochs before one.
    pub fn take_before(&self, closed: Time) -> RecordTimes {
        let mut arrivals = self.0.borrow_mut();
        let mut taken = RecordTimes::new();
        arrivals.retain(|(time, written)| {
            let closed = *time < closed;
            if closed {
                taken.extend(written);
            }
            !closed
        });
        taken
    }

    /// Replaces all by the latest epoch and the oldest record time, for a sink that falls behind: their
    /// number no longer grows, and their age is no less than it was.
    pub fn fold(&self) {
        let mut arrivals = self.0.borrow_mut();
        let latest = arrivals.iter().map(|(time, _)| *time).max();
        let written = || arrivals.iter().flat_map(|(_, written)| written);
        let oldest = written().map(|(written, _)| *written).min();
        let events = written().map(|(_, events)| events).sum();
        if let Some((latest, oldest)) = latest.zip(oldest) {
            *arrivals = VecDeque::from([(latest, vec![(oldest, events)])]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arrivals;

    #[test]
    fn epochs_are_taken_once_and_fold_into_the_oldest_record() {
        let arrivals = Arrivals::default();
        arrivals.add(1, &[(100, 2)]);
        arrivals.add(2, &[(90, 1), (110, 3)]);
        arrivals.add(3, &[(120, 4)]);
        assert_eq!(arrivals.take_before(2), [(100, 2)]);
        assert_eq!(arrivals.take_before(2), []);
        arrivals.fold();
        assert_eq!(arrivals.take_before(3), []);
        assert_eq!(arrivals.take_before(4), [(90, 8)]);
        arrivals.fold();
        assert_eq!(arrivals.take_before(5), []);
    }
}
