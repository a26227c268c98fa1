//! Arrangements by dense id: how they are kept, read, and known to be complete.

pub mod packed;
pub mod view;
pub mod dated;
pub mod reader;
pub mod lookup;
pub mod closed;
pub mod measured;
