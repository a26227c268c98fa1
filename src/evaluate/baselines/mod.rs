//! What the literature measures against, as session-rec defines it (Ludewig & Jannach 2020), and
//! incremental: each learns from one click after the other.

mod popularity;
mod rules;
mod sessions;
mod neighbours;
mod vsknn;
mod stan;
mod weighting;

#[cfg(test)]
mod tests;

pub use neighbours::{Cosine, Neighbours, Similarity};
pub use popularity::Popularity;
pub use rules::{Association, Sequential};
pub use stan::Stan;
pub use vsknn::Vector;
pub use weighting::Weighting;
