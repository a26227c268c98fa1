//! The dataflows of the recommendation engine: pure functions from collections to collections.
//!
//! The modules stand in the order of the data. Each imports only from those above it, and none of
//! them knows a clock, a socket, a file or a thread.

#![forbid(unsafe_code)]

pub mod time;
pub mod held;
pub mod record;
pub mod score;
pub mod ids;
pub mod arrange;
pub mod stored;
pub mod inputs;
pub mod ingest;
pub mod views;
pub mod moves;
pub mod digest;
pub mod cut;
pub mod ranking;
pub mod questions;
pub mod graph;
