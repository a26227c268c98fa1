//! What a receipt says, as JSON.

use super::time::ReceiptTime;
use ring::digest::{SHA256, digest};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What holds the user's events or id, and is not the engine's to erase.
pub const NOT_ERASED: [&str; 6] = [
    "the topics of events, carts and purchases",
    "the topic user-merges",
    "the topic user-forgets",
    "merges that name the user, in checkpoints until no event needs them",
    "logs of the engine and of what stands before it",
    "exports and backups",
];

/// What was learned from all users, holds no row of one, and stays.
pub const STAYS: [&str; 1] = ["learned weights"];

/// What was done about a user that is forgotten. What is not done yet has no time.
///
/// The order of the fields is that of the bytes that are signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Receipt {
    /// The user, by [`user_digest`].
    pub user_sha256: String,
    /// The user's events up to this time count for nobody.
    pub until: ReceiptTime,
    /// When the forget was stored.
    pub recorded_at: ReceiptTime,
    /// When the user's rows had left every view.
    pub rows_left_at: Option<ReceiptTime>,
    /// When the profile's key was deleted in Redis.
    pub redis_deleted_at: Option<ReceiptTime>,
    /// When the user's name was erased from the dictionaries.
    pub name_erased_at: Option<ReceiptTime>,
    /// When no checkpoint that is kept had anything of the user any more. `None` without checkpoints, too.
    pub checkpoints_erased_at: Option<ReceiptTime>,
    /// The digest of each view just before the rows left, as the status shows it.
    #[serde(deserialize_with = "distinct")]
    pub digests_before: BTreeMap<String, String>,
    /// The digest of each view once they had left.
    #[serde(deserialize_with = "distinct")]
    pub digests_after: BTreeMap<String, String>,
    /// What is not the engine's to erase: [`NOT_ERASED`].
    pub not_erased: Vec<String>,
    /// What holds no row of the user: [`STAYS`].
    pub stays: Vec<String>,
}

/// A receipt with the Ed25519 signature of its bytes, as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// The signature.
    pub signature: String,
}

/// Names a user to those alone who know the id: its SHA-256, as hexadecimal digits.
pub fn user_digest(user: &str) -> String {
    hex(digest(&SHA256, user.as_bytes()).as_ref())
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Reads an object that has each name once. Of two, only one would have been signed.
fn distinct<'de, D: Deserializer<'de>>(json: D) -> Result<BTreeMap<String, String>, D::Error> {
    struct Distinct;

    impl<'de> Visitor<'de> for Distinct {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("digests by the names of views")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut digests = BTreeMap::new();
            while let Some((view, digest)) = map.next_entry::<String, String>()? {
                if digests.insert(view, digest).is_some() {
                    return Err(A::Error::custom("a view has two digests"));
                }
            }
            Ok(digests)
        }
    }

    json.deserialize_map(Distinct)
}
