//! From records to collections of ids: whom an event counts for, under which tags, at what hour.

pub mod event_clock;
pub mod guests;
pub mod intern;
pub mod catalogue;
pub mod tags;
