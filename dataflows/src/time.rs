//! Logical time, hours and days, the length of a visit, and the clock that events drive.

use std::collections::BTreeMap;

/// Logical time: microseconds since the Unix epoch, at ingestion.
pub type Time = u64;

/// The first time from one on at which there may be input.
pub fn input_time(from: Time) -> Time {
    from.next_multiple_of(2)
}

/// True for a time at which rows move from user to user, and nothing else happens. It follows the time of the
/// decision; input has even times.
pub fn is_move(time: Time) -> bool {
    time % 2 == 1
}

/// The time of what is put back into the views when an engine goes on from a checkpoint. Nothing else has it.
pub const RESTORED: Time = 0;

/// True for a time at which nothing enters that is new: what has it has been let in before.
pub fn is_of_old(time: Time) -> bool {
    is_move(time) || time == RESTORED
}

/// Milliseconds in an hour.
pub const HOUR: u64 = 60 * 60 * 1000;

/// Milliseconds in a day.
pub const DAY: u64 = 24 * HOUR;

/// Hours in a day.
pub const DAY_HOURS: u32 = 24;

/// Minutes in a day.
pub const DAY_MINUTES: u32 = 24 * 60;

/// The longest pause within a visit, in milliseconds. Events of a user that are further apart
/// belong to two visits, and do not pair.
pub const VISIT_GAP: u64 = 30 * 60 * 1000;

/// The hour, counted from the Unix epoch, of a time in milliseconds since then.
pub fn hour(time: u64) -> u32 {
    u32::try_from(time / HOUR).unwrap_or(u32::MAX)
}

/// The day, counted from the Unix epoch, of a time in milliseconds since then.
pub fn day(time: u64) -> u16 {
    u16::try_from(time / DAY).unwrap_or(u16::MAX)
}

/// The event clock: by logical time, the hour of the newest event.
#[derive(Default)]
pub struct EventClock(BTreeMap<Time, u32>);

impl EventClock {
    /// Up to this many entries nothing is forgotten, since forgetting copies those that remain.
    const MIN_ENTRIES: usize = 64;

    /// Moves the clock on to an hour, from a logical time on. An earlier hour has no effect.
    pub fn set(&mut self, time: Time, hour: u32) {
        let newest = self.0.entry(time).or_default();
        *newest = hour.max(*newest);
    }

    /// The hour as of a logical time.
    pub fn at(&self, time: Time) -> u32 {
        self.0.range(..=time).map(|(_, &hour)| hour).max().unwrap_or_default()
    }

    /// Forgets the entries that [`EventClock::at`] needs only for earlier times than this.
    pub fn forget_before(&mut self, time: Time) {
        if self.0.len() > EventClock::MIN_ENTRIES {
            let hour = self.at(time);
            self.0 = self.0.split_off(&time);
            self.set(time, hour);
        }
    }
}

/// Whether what was recorded in one hour is needed, if it is kept for some hours and no record is left to read that was
/// written before `oldest`.
pub fn is_needed(recorded: u32, kept: u32, oldest: u32) -> bool {
    oldest <= recorded.saturating_add(kept)
}

#[cfg(test)]
mod tests {
    use super::EventClock;

    #[test]
    fn forgetting_bounds_the_entries_and_changes_no_hour() {
        let mut clock = EventClock::default();
        for (time, hour) in (0..10_000).zip(0..) {
            clock.set(time, hour);
            clock.forget_before(time.saturating_sub(5));
            assert_eq!(
                (clock.at(time), clock.at(time.saturating_sub(5))),
                (hour, hour.saturating_sub(5))
            );
        }
        assert!(clock.0.len() <= EventClock::MIN_ENTRIES + 1);
    }
}
