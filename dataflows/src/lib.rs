//! The dataflows of the recommendation engine: pure functions from collections to collections.
//!
//! Nothing here knows of a clock, a socket, a file or a thread. Events enter as [`block`]s of
//! bytes, one per owner; strings end at the door ([`names`], [`intern`]); what the views hold is
//! ids and vector differences ([`counts`]). Questions are a dataflow too ([`lookup`],
//! [`questions`]).

#![forbid(unsafe_code)]

pub mod event;
pub mod block;
pub mod counts;
pub mod weights;
pub mod model;
pub mod catalogue;
mod by_id;
pub mod names;
pub mod intern;
pub mod guests;
pub mod tags;
pub mod views;
pub mod clock;
pub mod retention;
pub mod history;
pub mod crossing;
pub mod pairs;
pub mod labels;
pub mod popularity;
pub mod positions;
pub mod recent;
pub mod packed;
pub mod reader;
pub mod closed;
pub mod lookup;
mod top;
mod kept;
pub mod recommend;
pub mod questions;
pub mod graph;

/// Logical time: microseconds since the Unix epoch, at ingestion.
pub type Time = u64;
