//! Checkpoints: where the state of the workers goes, and where they begin.
//!
//! The first process decides when there is one, and takes the next number of its run. It announces that all changes
//! up to a time are asked for; every process writes what its workers give, and tells the first one, which writes the
//! manifest. When a cluster begins, the first process reads the newest checkpoint for all.

mod messages;
mod open_store;
mod status;
mod tables;
mod restorer;
mod writer;
mod compactor;
mod coordinator;
mod start;

pub use coordinator::Requests;
pub use start::{BeginError, Persistence};
pub use status::{CheckpointStatus, Known, LastCheckpoint};
pub use tables::TABLES;
