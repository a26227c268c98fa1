//! The history of the settings: who has changed which one, when, from what to what. It lies beside them, so that it is
//! the same for whoever asks, and outlives the process.

use super::registry::setting_at;
use super::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The node of the history. Users' writes do not reach it.
const NODE: &str = "/recsys/changes";
/// The most changes that are kept.
const MOST: usize = 100;
/// The most bytes of all. A node takes a million.
const LARGEST: usize = 500_000;
/// How often a change is written anew that others have written before.
const TRIES: usize = 5;

/// A change of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingChange {
    /// When, in milliseconds since the Unix epoch.
    pub time: i64,
    /// By whom.
    pub who: String,
    /// The setting's node.
    pub path: String,
    /// What it was; null if it was nothing, or no JSON.
    pub before: Value,
    /// What it is since.
    pub after: Value,
}

impl SettingChange {
    /// A change from what a node held to what it holds.
    pub fn new(time: i64, who: String, path: &str, before: Option<&[u8]>, after: &[u8]) -> Self {
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
        let before = before.map(json).unwrap_or_default();
        SettingChange { time, who, path: path.into(), before, after: json(after) }
    }
}

/// Adds a change to the history, if it is of a setting: other nodes have none. The setting is changed by then, so a
/// failure is logged, and goes no further.
pub async fn note(store: &dyn Store, change: SettingChange) {
    if setting_at(&change.path).is_none() {
        return;
    }
    if let Err(error) = add(store, &change).await {
        let SettingChange { path, who, .. } = change;
        tracing::warn!(path, who, %error, "the history of the settings misses a change");
    }
}

async fn add(store: &dyn Store, change: &SettingChange) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let held = store.get(NODE).await?;
        let mut changes = read(held.as_deref());
        changes.insert(0, change.clone());
        let text = written(&mut changes);
        let is_added = match held {
            Some(held) => store.replace(NODE, held, text).await?,
            None => {
                store.create(NODE, text.clone()).await?;
                // Somebody else may have created it first.
                store.get(NODE).await? == Some(text)
            }
        };
        if is_added {
            return Ok(());
        }
    }
    Err(StoreError::Unavailable(format!("{NODE} was changed {TRIES} times meanwhile")))
}

/// Returns the history, the newest change first.
///
/// # Errors
/// When the store does not tell.
pub async fn list(store: &dyn Store) -> Result<Vec<SettingChange>, StoreError> {
    Ok(read(store.get(NODE).await?.as_deref()))
}

/// The changes of a text. One that is no history is overwritten by the next change.
fn read(text: Option<&[u8]>) -> Vec<SettingChange> {
    text.and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default()
}

/// Writes the newest changes that there is room for.
fn written(changes: &mut Vec<SettingChange>) -> Vec<u8> {
    changes.truncate(MOST);
    loop {
        let text = serde_json::to_vec(changes).expect("its names are texts");
        if text.len() <= LARGEST || changes.len() < 2 {
            return text;
        }
        // Rules may be large: half of them is found in a few steps.
        changes.truncate(changes.len() / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::files::FileStore;
    use crate::settings::{RULES, WEIGHTS};
    use serde_json::json;

    fn change(number: i64, after: &str) -> SettingChange {
        SettingChange::new(number, "token me".into(), WEIGHTS, Some(b"1"), after.as_bytes())
    }

    #[test]
    fn changes_are_told_newest_first_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = FileStore::new(dir.path(), runtime.handle().clone());
        runtime.block_on(async {
            assert_eq!(list(&store).await.unwrap(), []);
            for number in 0..i64::try_from(MOST).unwrap() + 3 {
                note(&store, change(number, r#"{"view":2}"#)).await;
            }
            let all = list(&store).await.unwrap();
            assert_eq!((all.len(), all[0].time, all[MOST - 1].time), (MOST, 102, 3));
            assert_eq!(all[0], change(102, r#"{"view":2}"#));
            store.put(NODE, b"nonsense".into()).await.unwrap();
            note(&store, change(7, "2")).await;
            assert_eq!(list(&store).await.unwrap(), [change(7, "2")]);
        });
    }

    #[test]
    fn large_ones_leave_room_for_fewer() {
        let large = format!("{:?}", "x".repeat(LARGEST / 3));
        let mut changes: Vec<_> = (0..9).map(|number| change(number, &large)).collect();
        assert!(written(&mut changes).len() <= LARGEST);
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn what_is_no_json_is_null() {
        let change = SettingChange::new(7, "x".into(), RULES, Some(b"nonsense"), b"[]");
        assert_eq!((change.before, change.after), (Value::Null, json!([])));
    }
}
