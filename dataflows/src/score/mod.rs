//! From counts of events to scores: the weights of events, and the blend of rankings.

pub mod counts;
pub mod weights;
pub mod model;
pub(crate) mod model_history;
