//! The state as of a time, by names: how it is taken out of the views, and how they begin with it.
//!
//! A checkpoint is the sum of all changes up to a logical time. [`capture`] writes the changes of every view as its
//! batches are sealed; [`restore`] puts sums back, at a time that nothing else has,
//! [`RESTORED`](crate::time::RESTORED): whatever follows from a view's changes is stored itself, and is not made again
//! of what has that time.

mod row_writer;
mod write;
pub mod capture;
pub mod restore;
