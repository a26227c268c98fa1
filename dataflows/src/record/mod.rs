//! The records that come in: events, the blocks that carry them between workers, merges, and
//! catalogue rows.

pub mod event;
pub mod block;
pub mod merge;
pub mod product;
