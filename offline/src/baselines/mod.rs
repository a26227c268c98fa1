//! The baselines of the literature, as session-rec defines them (Ludewig & Jannach 2020), but
//! incremental: each learns from one click after the other.

mod scores;
mod popularity;
mod weighting;
mod rules;
mod sessions;
mod neighbours;
mod vsknn;
mod stan;

#[cfg(test)]
mod tests;

pub use neighbours::{Cosine, Neighbours, Similarity};
pub use popularity::Popularity;
pub use rules::{Association, Sequential};
pub use stan::Stan;
pub use vsknn::Vector;
pub use weighting::Weighting;
