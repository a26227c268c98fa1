//! Strings to dense ids and back, and ids from worker to worker.

pub mod hash;
pub mod dictionary;
pub(crate) mod by_id;
pub mod exchange;
