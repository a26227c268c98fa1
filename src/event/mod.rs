//! Events at the edge: how one is parsed, and where new ones are written.

pub mod parse;
pub mod log;
