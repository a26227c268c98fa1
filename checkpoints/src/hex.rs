//! Numbers of 128 bits, which are 32 hexadecimal digits in JSON and in paths: runs and digests.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The random name of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(pub u128);

/// The digest of a view: what its rows' hashes add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub u128);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format(self.0))
    }
}

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<RunId, String> {
        parse(&text).map(RunId)
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> String {
        format(run.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Digest, String> {
        parse(&text).map(Digest)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        format(digest.0)
    }
}

fn format(number: u128) -> String {
    format!("{number:032x}")
}

/// The number that such a text is of.
fn parse(text: &str) -> Result<u128, String> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_hex = text.len() == 32 && text.bytes().all(is_digit);
    let number = is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    number.ok_or_else(|| format!("{text:?} is not 32 hexadecimal digits"))
}

/// The hexadecimal digits of bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
