//! From counts of events to scores: the weights of events, the blend and the mixture of rankings, and the rules of the shop.

pub mod counts;
pub mod weights;
pub mod scale;
pub mod merchandising;
pub mod model;
pub mod mixture;
pub mod start;
pub mod grade;
pub mod learner;
pub mod model_history;
