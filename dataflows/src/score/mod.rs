//! From counts to scores: how many events there were, what each is worth, and how rankings mix them.

pub mod counts;
pub mod weights;
pub mod model;
pub(crate) mod model_history;
