//! Writes of users. Every way in goes through [`write()`], so that no value is stored unchecked.

use super::registry::{SETTINGS, SettingSpec, setting_at};
use super::{Store, StoreError};

/// The folder of nodes that belong to users: no setting lies there, and anything may be written.
pub const CUSTOM: &str = "/config/custom";

/// The most bytes of a value. ZooKeeper drops the session of whoever sends a request of 1,048,576
/// bytes (`jute.maxbuffer`), which has a path and a head besides the value.
pub const LARGEST_VALUE: usize = 1_000_000;

/// Why a value was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The value is not one of this setting.
    #[error("bad {setting}: {reason}")]
    Bad {
        /// The setting's name.
        setting: &'static str,
        /// The rule that the value breaks.
        reason: String,
    },
    /// No setting is at this node, and it does not belong to users.
    #[error("no setting is at {path}: settings are {}; other nodes go below {CUSTOM}", paths())]
    Unowned {
        /// The node's path.
        path: String,
    },
    /// The value has too many bytes.
    #[error("the value has {length} bytes, more than {LARGEST_VALUE}")]
    TooLarge {
        /// The length of the value.
        length: usize,
    },
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes a value to a node below `/config`, if it is a good value of the setting there, or the node
/// belongs to users.
///
/// # Errors
/// When the value must not be written, or the store does not take it.
pub async fn write(store: &dyn Store, path: &str, value: Vec<u8>) -> Result<(), WriteError> {
    check_node(path)?;
    if value.len() > LARGEST_VALUE {
        return Err(WriteError::TooLarge { length: value.len() });
    }
    if let Some(setting) = setting_at(path) {
        check_value(setting, &value)?;
    }
    Ok(store.put(path, value).await?)
}

/// Checks a value of a setting. Returns it with every field.
///
/// # Errors
/// When it is none.
pub fn check_value(setting: &SettingSpec, value: &[u8]) -> Result<String, WriteError> {
    setting.complete(value).map_err(|reason| WriteError::Bad { setting: setting.name, reason })
}

/// Checks that users may write a node, whatever the value.
///
/// # Errors
/// When no setting is there, and it does not belong to users.
pub fn check_node(path: &str) -> Result<(), WriteError> {
    let is_custom = path.strip_prefix(CUSTOM).is_some_and(|below| below.starts_with('/'));
    if is_custom || setting_at(path).is_some() {
        return Ok(());
    }
    Err(WriteError::Unowned { path: path.into() })
}

fn paths() -> String {
    let [others @ .., last] = SETTINGS.each_ref().map(|setting| setting.path);
    format!("{} and {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::files::FileStore;
    use crate::settings::{BLEND, RANKING, RULES, WEIGHTS};

    /// Writes to a store, and tells what it holds there afterwards, or the error.
    fn check(path: &str, value: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = FileStore::new(dir.path(), runtime.handle().clone());
        runtime.block_on(async {
            let written = write(&store, path, value.into()).await;
            let held = store.get(path).await.unwrap_or_default();
            assert_eq!(held.is_some(), written.is_ok(), "{path}");
            written.map(|()| held).map_err(|error| error.to_string())
        })
    }

    #[test]
    fn what_no_setting_takes_is_not_stored() {
        let unowned = "no setting is at ";
        let large = vec![b' '; LARGEST_VALUE + 1];
        for (path, value, reason) in [
            (WEIGHTS, &b"nonsense"[..], "bad weights: they must be"),
            (WEIGHTS, br#"{"view":7,"add_to_cart":3}"#, "bad weights: they must be"),
            (BLEND, br#"{"nonsense":true}"#, "bad blend: it must be a JSON object of numbers"),
            (BLEND, br#"{"tags":-1}"#, "bad blend: tags must be a number from 0"),
            (BLEND, b"", "bad blend: it must be"),
            (RULES, b"{}", "bad rules: they must be a JSON array of rules"),
            (
                RULES,
                br#"[{"id":"r","action":"hide"}]"#,
                "bad rules: rule 0 (\"r\"): it is for no products",
            ),
            ("/config/recommendation/blends", b"{}", unowned),
            ("/config/recommendation/weights/view", b"1", unowned),
            ("/config/recommendation", b"{}", unowned),
            ("/config/other", b"{}", unowned),
            ("/config/custom", b"{}", unowned),
            ("/config/customs/x", b"{}", unowned),
            ("/recsys/last-good/weights", b"{}", unowned),
            ("/config/custom/../recommendation/weights", b"{}", "bad path"),
            ("/config/custom/x", &large, "the value has 1000001 bytes"),
            (WEIGHTS, &large, "the value has 1000001 bytes"),
        ] {
            let refused = check(path, value).unwrap_err();
            assert!(refused.starts_with(reason), "{path}: {refused}");
        }
        let message = check("/config/a", b"").unwrap_err();
        assert!(
            message.contains(&format!("{WEIGHTS}, {BLEND}, {RULES} and {RANKING}")),
            "{message}"
        );
    }

    #[test]
    fn what_is_good_is_stored_as_it_was_written() {
        for (path, value) in [
            (WEIGHTS, &br#" {"purchase":5,"view":7,"add_to_cart":3.50}"#[..]),
            (BLEND, br#"{"tags": 0.2}"#),
            (RULES, br#"[ {"action":"hide","tag":"a"} ]"#),
            (RULES, b"[]"),
            (WEIGHTS, "\u{feff}{\"view\":1,\"add_to_cart\":3,\"purchase\":5}".as_bytes()),
            (BLEND, "\u{feff}{}".as_bytes()),
            ("/config/custom/x", b"any\xff"),
            ("/config/custom/recommendation/weights", b"nonsense"),
            ("/config/custom/large", &vec![b'x'; LARGEST_VALUE]),
        ] {
            assert!(check(path, value) == Ok(Some(value.into())), "{path}");
        }
    }
}
