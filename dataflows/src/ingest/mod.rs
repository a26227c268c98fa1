//! From records to collections of ids: whose event it is, under which tags, and at what hour.

pub mod event_clock;
pub mod guests;
pub mod intern;
pub mod catalogue;
pub mod tags;
