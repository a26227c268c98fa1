//! Numbers of 128 bits, which are 32 hexadecimal digits in JSON and in paths: runs and digests.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The random name of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(#[serde(serialize_with = "write", deserialize_with = "read")] pub u128);

/// The digest of a view: what its rows' hashes add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(#[serde(serialize_with = "write", deserialize_with = "read")] pub u128);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format(self.0))
    }
}

fn write<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*number))
}

fn read<'a, D: Deserializer<'a>>(deserializer: D) -> Result<u128, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(crate) fn format(number: u128) -> String {
    format!("{number:032x}")
}

/// The number that such a text is of.
pub(crate) fn parse(text: &str) -> Result<u128, String> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_hex = text.len() == 32 && text.bytes().all(is_digit);
    let number = is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    number.ok_or_else(|| format!("{text:?} is not 32 hexadecimal digits"))
}

/// The hexadecimal digits of bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
