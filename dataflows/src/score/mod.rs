//! From counts of events to scores: the weights of events, the blend of rankings, and the rules of the shop.

pub mod counts;
pub mod weights;
pub mod merchandising;
pub mod model;
pub(crate) mod model_history;
