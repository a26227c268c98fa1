//! A time in a receipt, which has one text.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Error as _, Serialize, Serializer};
use std::borrow::Cow;

/// A time, in milliseconds since the Unix epoch. In JSON it is ISO 8601 in UTC, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptTime(pub i64);

impl ReceiptTime {
    fn text(self) -> Option<String> {
        jiff::Timestamp::from_millisecond(self.0).ok().map(|time| format!("{time:.3}"))
    }
}

impl Serialize for ReceiptTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.text().ok_or_else(|| S::Error::custom("the time has no calendar"))?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for ReceiptTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ReceiptTime, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let time = text.parse::<jiff::Timestamp>().map_err(D::Error::custom)?;
        let time = ReceiptTime(time.as_millisecond());
        // Another text of the same time would pass for what was signed.
        match time.text() {
            Some(written) if written == text => Ok(time),
            _ => Err(D::Error::custom("a time is in UTC, to the millisecond")),
        }
    }
}
