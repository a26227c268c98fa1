//! The settings that may change at run time: a tree of small nodes, in ZooKeeper or in files.

pub mod weights;
pub mod blend;
pub mod rules;
pub mod ranking;
pub mod registry;
pub mod write;
pub mod changes;
pub mod status;
pub mod last_good;
pub mod monitor;
pub mod files;
pub mod zookeeper;

use crate::future::BoxFuture;
use crate::holder::Holder;
use dataflows::score::model::Model;

/// The node of the weights: `{"view":1,"add_to_cart":3,"purchase":5}`.
pub const WEIGHTS: &str = "/config/recommendation/weights";

/// The node of the blend, how recommendations are mixed: numbers by name; a missing one has its
/// default.
pub const BLEND: &str = "/config/recommendation/blend";

/// The node of the rules of merchandising: a list, empty at first.
pub const RULES: &str = "/config/recommendation/rules";

/// The node of what is wanted of the weights of rankings: `{"pinned":null,"resets":0}`.
pub const RANKING: &str = "/config/recommendation/ranking";

/// A part of the model that is kept in a node of its own.
pub trait Setting: Clone + Default + PartialEq {
    /// The node's path.
    const PATH: &'static str;
    /// The setting's name, in logs and metrics.
    const NAME: &'static str;
    /// Why a text is not a value of this setting.
    type Error: std::fmt::Display;

    /// Reads a value.
    ///
    /// # Errors
    /// When the text is not a value of this setting.
    fn parse(text: &[u8]) -> Result<Self, Self::Error>;

    /// Writes a value with every field, so that [`Setting::parse`] reads the same one.
    fn to_json(&self) -> String;

    /// Returns the value that a model has.
    fn of(model: &Model) -> Self;
}

/// Why a node could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store does not answer; trying again may help.
    #[error("the settings store does not answer: {0}")]
    Unavailable(String),
    /// The path is not one of a node.
    #[error("bad path {path:?}: {rule}")]
    BadPath {
        /// The path as it was given.
        path: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The store refuses (permissions, size).
    #[error("the settings store refused: {0}")]
    Refused(String),
}

/// A tree of nodes, each with a value. Paths are absolute: `/config/recommendation/weights`.
pub trait Store: Send + Sync {
    /// Returns a node's value; `None` when there is no such node.
    fn get(&self, path: &str) -> BoxFuture<Result<Option<Vec<u8>>, StoreError>>;
    /// Sets a node's value. Creates the node and its parents when missing.
    fn put(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>>;
    /// Deletes a node. Returns whether it was there.
    fn delete(&self, path: &str) -> BoxFuture<Result<bool, StoreError>>;
    /// Sets a node's value if it holds just these bytes. Returns whether it did.
    fn replace(
        &self,
        path: &str,
        held: Vec<u8>,
        value: Vec<u8>,
    ) -> BoxFuture<Result<bool, StoreError>>;
    /// Completes when the node may have changed since the last `get` of it. It may complete without
    /// a change, but never so often that a caller that reads after each completion would spin.
    fn changed(&self, path: &str) -> BoxFuture<()>;

    /// Returns the processes that are members now, by their index; `None` when the store keeps no list of them, or
    /// does not answer.
    fn members(&self) -> BoxFuture<Option<Vec<Holder>>> {
        Box::pin(std::future::ready(None))
    }

    /// Removes this process from the store's list of members, if it keeps one. The store is not
    /// used after that.
    fn leave(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    /// Creates a node unless it exists, so that a default never overwrites a value. A store that
    /// only one process writes may use `put` for it.
    fn create(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
        self.put(path, value)
    }
}

/// Returns the node that a user's path means, which is below `/config/` whether the path says so or
/// not: users reach no others.
///
/// # Errors
/// When the path names no node.
pub fn under_config(path: &str) -> Result<String, StoreError> {
    let below = path.strip_prefix('/').unwrap_or(path);
    let below = below.strip_prefix("config/").unwrap_or(below);
    let full = format!("/config/{below}");
    match check(&full) {
        Ok(()) => Ok(full),
        Err(rule) => Err(StoreError::BadPath { path: path.into(), rule }),
    }
}

/// Checks a path by the rules of ZooKeeper for paths and of file systems for names.
fn check(path: &str) -> Result<(), &'static str> {
    let Some(parts) = path.strip_prefix('/') else { return Err("it must begin with /") };
    if parts.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("its parts must not be empty, '.' or '..'");
    }
    if parts.split('/').any(|part| part.len() > 200) || path.len() > 1_000 {
        return Err("it must be at most 1000 bytes long, each part at most 200");
    }
    let odd =
        |c: char| c.is_control() || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}');
    if path.contains(odd) {
        return Err("it must not hold control or private characters");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_see_what_is_below_config() {
        for (path, node) in [
            ("recommendation/weights", Some(WEIGHTS)),
            ("/config/recommendation/weights", Some(WEIGHTS)),
            ("config/recommendation/weights", Some(WEIGHTS)),
            ("/config/config/x", Some("/config/config/x")),
            ("ü", Some("/config/ü")),
            ("/services/recsys", Some("/config/services/recsys")),
            ("", None),
            ("/config/", None),
            ("a//b", None),
            ("a/", None),
            ("../services", None),
            ("a/./b", None),
            ("a\0", None),
            ("\u{f000}", None),
            (&"x".repeat(201), None),
        ] {
            assert_eq!(under_config(path).ok().as_deref(), node, "{path:?}");
        }
    }
}
