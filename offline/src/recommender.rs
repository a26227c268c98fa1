//! A recommender: learns clicks, and ranks the products that may come next in a visit.

use crate::clicks::Click;

/// A method that is graded. It learns from one click after the other.
pub trait Recommender {
    /// Learns a click. Times never fall.
    fn learn(&mut self, click: &Click);

    /// Ranks the products that may come next in a visit, the most likely first; at most `n`, and none
    /// twice. `visit` holds the visit's clicks so far, oldest first, at least one; they may or may not
    /// have been learned.
    fn rank(&mut self, visit: &[Click], n: usize) -> Vec<u32>;

    /// The weights that it has learned for itself, if it learns any; by gate and source.
    fn learned(&mut self) -> Option<Vec<Vec<f64>>> {
        None
    }
}
