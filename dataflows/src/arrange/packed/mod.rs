//! Batches of updates by dense id: what every arrangement of the engine is made of.
//!
//! Differential's own batches hold any key at any time. Here keys are dense ids and times are in one
//! order. Times before the compaction frontier are one time, which is kept once; nearly every value
//! has one update, which then needs no offset. So a value costs its own size, its difference and its
//! share of a key. Merging copies whole runs, and a key is found by interpolation.

mod batch;
mod writer;
mod batcher;
mod merger;
mod cursor;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Packed, PackedSpine};
pub use batcher::{PackedBatcher, Value};
