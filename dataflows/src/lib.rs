//! The dataflows of the recommendation engine: pure functions from collections to collections.
//!
//! Nothing here knows of a clock, a socket, a file or a thread. Events enter as [`block`]s of
//! bytes, one per owner; strings end at the door ([`names`]); what the views hold is ids and
//! vector differences ([`counts`]).

pub mod event;
pub mod block;
pub mod counts;
pub mod weights;
pub mod catalogue;
