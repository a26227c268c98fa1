//! The heart of a worker process: what sources hand in, what askers ask, and the loop between.

pub mod intake;
pub mod question;
mod answer;
mod pace;
mod worker;
mod start;

pub use start::{Engine, Failed, start};
pub use worker::Change;
