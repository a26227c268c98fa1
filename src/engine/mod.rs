//! The worker processes' heart: what sources hand in, what askers ask, and the loop between.

pub mod intake;
pub mod question;
