//! The time of an event.

use dataflows::record::event::OwnedEvent;
use dataflows::time::day;

/// The time of an event; one before the Unix epoch counts as the epoch.
pub(crate) fn event_time(event: &OwnedEvent) -> u64 {
    u64::try_from(event.time).unwrap_or_default()
}

/// The day of an event, counted from the Unix epoch.
pub(crate) fn event_day(event: &OwnedEvent) -> u16 {
    day(event_time(event))
}
