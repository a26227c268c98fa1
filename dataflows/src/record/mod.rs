//! The records that come in: events (in blocks), merges and catalogue rows.

pub mod event;
pub mod block;
pub mod decision;
pub mod reached;
pub mod product;
