//! Arrangements by dense id: their batches, reading them by key, complete times, sizes.

pub mod packed;
pub mod view;
pub mod dated;
pub(crate) mod trace;
pub mod reader;
pub mod lookup;
pub mod closed;
pub mod measured;
