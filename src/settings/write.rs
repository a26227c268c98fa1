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
    check(path, &value)?;
    Ok(store.put(path, value).await?)
}

/// Checks a value that users want in a node.
///
/// # Errors
/// When it must not be written there.
pub fn check(path: &str, value: &[u8]) -> Result<(), WriteError> {
    check_node(path)?;
    if value.len() > LARGEST_VALUE {
        return Err(WriteError::TooLarge { length: value.len() });
    }
    if let Some(setting) = setting_at(path) {
        check_value(setting, value)?;
    }
    Ok(())
}

/// Writes a value likewise, in the place of these bytes. Returns whether the node held them.
///
/// # Errors
/// As above.
pub async fn replace(
    store: &dyn Store,
    path: &str,
    held: Vec<u8>,
    value: Vec<u8>,
) -> Result<bool, WriteError> {
    check(path, &value)?;
    Ok(store.replace(path, held, value).await?)
}

/// Brings the default of a setting back, or deletes a node that belongs to users. Returns whether that was there.
///
/// NB: a setting's default is written. Were its node deleted, the last good value would stay in force, and be written anew.
///
/// # Errors
/// When users may not write the node, or the store does not take it.
pub async fn restore(store: &dyn Store, path: &str) -> Result<bool, WriteError> {
    check_node(path)?;
    match setting_at(path) {
        Some(setting) => store.put(path, setting.default().into_bytes()).await.map(|()| true),
        None => store.delete(path).await,
    }
    .map_err(WriteError::from)
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
    use dataflows::score::model::Model;

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
    fn a_setting_gets_its_default_back_and_another_node_goes() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = FileStore::new(dir.path(), runtime.handle().clone());
        runtime.block_on(async {
            for setting in &SETTINGS {
                store.put(setting.path, b"nonsense".into()).await.unwrap();
                assert!(restore(&store, setting.path).await.unwrap());
                let stored = store.get(setting.path).await.unwrap().unwrap();
                assert_eq!(setting.complete(&stored), Ok(setting.default()), "{}", setting.path);
                assert_eq!(stored, setting.of_model(&Model::default()).into_bytes());
            }
            store.put("/config/custom/x", b"1".into()).await.unwrap();
            assert!(restore(&store, "/config/custom/x").await.unwrap());
            assert_eq!(store.get("/config/custom/x").await.unwrap(), None);
            assert!(!restore(&store, "/config/custom/x").await.unwrap());
            let refused = restore(&store, "/config/other").await.unwrap_err().to_string();
            assert!(refused.starts_with("no setting is at /config/other"), "{refused}");
        });
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
