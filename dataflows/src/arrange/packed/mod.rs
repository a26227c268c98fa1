//! Batches of updates by dense id, which all arrangements consist of.
//!
//! Differential's own batches hold any keys at any times. Here keys are dense ids and times are
//! totally ordered. Times before the compaction frontier become one time, which is stored once;
//! nearly every value has one update, which then needs no offset. So a value costs its own size,
//! its difference and its share of a key. Merging copies whole runs, and a key is found by
//! interpolation.

mod batch;
mod writer;
mod batcher;
mod merger;
mod cursor;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Packed, PackedSpine};
pub use batcher::{PackedBatcher, Value};
pub use merger::merges_under_way;
