//! From records to collections of ids: which events are copies, whom one counts for, under which tags, at
//! what hour.

pub mod event_clock;
pub mod reading;
pub mod unique;
pub mod decisions;
pub mod moment;
pub mod intern;
pub mod sample;
pub mod catalogue;
