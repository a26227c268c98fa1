//! Logical time, the calendar that events are sorted into, and the clock that they drive.

use std::collections::BTreeMap;

/// Logical time: microseconds since the Unix epoch, at ingestion.
pub type Time = u64;

/// Milliseconds in an hour.
pub const HOUR: u64 = 60 * 60 * 1000;

/// Milliseconds in a day.
pub const DAY: u64 = 24 * HOUR;

/// Hours in a day.
pub const DAY_HOURS: u32 = 24;

/// The longest pause within a visit, in milliseconds: two events of a user that are further apart
/// belong to two visits, and do not pair.
pub const VISIT_GAP: u64 = 30 * 60 * 1000;

/// The hour of a time in milliseconds, counted from the Unix epoch.
pub fn hour(time: u64) -> u32 {
    u32::try_from(time / HOUR).unwrap_or(u32::MAX)
}

/// The day of a time in milliseconds, counted from the Unix epoch.
pub fn day(time: u64) -> u16 {
    u16::try_from(time / DAY).unwrap_or(u16::MAX)
}

/// The hour of the newest event, by logical time.
#[derive(Default)]
pub struct Clock(BTreeMap<Time, u32>);

impl Clock {
    /// Entries below this number are never forgotten: forgetting copies what remains.
    const KEPT: usize = 64;

    /// Sets the hour from a logical time on, unless it was later already.
    pub fn set(&mut self, time: Time, hour: u32) {
        let set = self.0.entry(time).or_default();
        *set = hour.max(*set);
    }

    /// The hour as of a logical time.
    pub fn at(&self, time: Time) -> u32 {
        self.0.range(..=time).map(|(_, &hour)| hour).max().unwrap_or_default()
    }

    /// Forgets all that is not needed to tell the hour as of this time or later.
    pub fn forget_before(&mut self, time: Time) {
        if self.0.len() > Clock::KEPT {
            let hour = self.at(time);
            self.0 = self.0.split_off(&time);
            self.set(time, hour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn a_clock_that_goes_on_holds_few_hours_and_tells_the_same() {
        let mut clock = Clock::default();
        for (time, hour) in (0..10_000).zip(0..) {
            clock.set(time, hour);
            clock.forget_before(time.saturating_sub(5));
            assert_eq!(
                (clock.at(time), clock.at(time.saturating_sub(5))),
                (hour, hour.saturating_sub(5))
            );
        }
        assert!(clock.0.len() <= Clock::KEPT + 1);
    }
}
