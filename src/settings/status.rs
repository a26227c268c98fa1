//! How the settings stand: what the node of each holds, and why no good value is known.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The settings' nodes by the settings' names, as their monitors have read them last. Clones share
/// it.
#[derive(Clone, Debug, Default)]
pub struct SettingsStatus(Arc<Mutex<BTreeMap<&'static str, NodeStatus>>>);

/// How one setting stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// What the node holds.
    pub stored: Stored,
    /// Why no good value is known, neither the node's nor an earlier one; `None` when one is, or
    /// before the node was read.
    pub unknown: Option<String>,
}

/// What a setting's node holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// It has not been read yet.
    #[default]
    Unread,
    /// A good value: as JSON, with every field.
    Good(String),
    /// Something else, and why that is no value.
    Refused(String),
    /// There is no such node.
    Missing,
    /// It could not be read, and why.
    Unreachable(String),
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stored::Unread => f.write_str("has not been read yet"),
            Stored::Good(value) => write!(f, "holds {}", shortened(value)),
            Stored::Refused(reason) => write!(f, "holds no good value ({reason})"),
            Stored::Missing => f.write_str("is missing"),
            Stored::Unreachable(reason) => write!(f, "cannot be read ({reason})"),
        }
    }
}

impl SettingsStatus {
    /// Returns how a setting stands.
    pub fn of(&self, name: &str) -> NodeStatus {
        self.lock().get(name).cloned().unwrap_or_default()
    }

    /// Puts in how a setting stands.
    pub fn set(&self, name: &'static str, status: NodeStatus) {
        self.lock().insert(name, status);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, NodeStatus>> {
        // A panic cannot leave an insertion half done, so a poisoned map is intact.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a value as it is told to people, where there may be no room for all of it; with its length if it is cut.
pub fn shortened(value: &str) -> Cow<'_, str> {
    const MOST: usize = 1_000;
    match value.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}… ({} bytes)", &value[..end], value.len())),
        None => Cow::Borrowed(value),
    }
}
