//! How good the recommendations are: public click sets, two protocols, and the baselines that the
//! literature measures against.
//!
//! Nothing here serves anyone. `read` makes records of a shop's file, `clicks` dense clicks and
//! visits of records, `protocol` asks a [`Recommender`] for the next product of each visit, and
//! `metrics` counts how far down the list it was.

pub mod read;
pub mod clicks;
pub mod metrics;
pub mod recommender;
pub mod protocol;
pub mod baselines;
pub mod served;
pub mod contest;

pub use clicks::{Click, Clicks};
pub use recommender::Recommender;
