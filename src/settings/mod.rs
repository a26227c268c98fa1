//! What may change at run time: a tree of small nodes, in ZooKeeper or in files.

pub mod zookeeper;
pub mod files;
pub mod monitor;

use crate::event::log::BoxFuture;

/// Where the weights lie, below the store's root: `{"view":1,"add_to_cart":3,"purchase":5}`.
pub const WEIGHTS: &str = "/config/recommendation/weights";

/// Why a node could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store does not answer; trying again may help.
    #[error("the settings store does not answer: {0}")]
    Unavailable(String),
    /// The path is not one of a node.
    #[error("bad path {path:?}: {rule}")]
    BadPath {
        /// As it was given.
        path: String,
        /// What a path must be.
        rule: &'static str,
    },
    /// The store refuses (permissions, size).
    #[error("the settings store refused: {0}")]
    Refused(String),
}

/// A tree of nodes, each with a value. Paths are absolute: `/config/recommendation/weights`.
pub trait Store: Send + Sync {
    /// A node's value; none when there is no such node.
    fn get(&self, path: &str) -> BoxFuture<Result<Option<Vec<u8>>, StoreError>>;
    /// Sets a node's value; makes it and its parents when missing.
    fn put(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>>;
    /// Completes when the node may have changed since `get` was last called for it; may be early.
    fn changed(&self, path: &str) -> BoxFuture<()>;
}
