//! When a record was written. It is judged by that, so that whoever reads it later judges it the same.

use crate::time::YEAR_2000;

/// The time at which a record was written, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Then: the record says so itself, or it is written now.
    At(i64),
    /// Nobody knows. It counts as written in time, whatever it says; without a `timestamp` it has this
    /// time, which is that of the reading.
    Unknown(i64),
}

impl Written {
    /// When a record was written that names this time itself, read now; all in milliseconds since the
    /// Unix epoch. A time before 2000 tells nothing.
    pub fn of(record_time: Option<i64>, now: i64) -> Written {
        let known = record_time.filter(|time| *time >= YEAR_2000);
        known.map_or(Written::Unknown(now), Written::At)
    }

    /// When a line of a topic file was written, read now. Lines of [`stamped`] tell it.
    pub fn of_line(line: &[u8], now: i64) -> Written {
        let time = line.strip_prefix(STAMP).and_then(|rest| {
            let (digits, _) = rest.split_at(rest.iter().position(|byte| *byte == b',')?);
            str::from_utf8(digits).ok()?.parse().ok()
        });
        Written::of(time, now)
    }

    /// The time of a record that has none itself.
    pub fn time(self) -> i64 {
        let (Written::At(time) | Written::Unknown(time)) = self;
        time
    }

    /// The hour in which an event was written, counted from the Unix epoch. Where nobody knows, it is that of
    /// the event: whoever reads it later finds the same.
    pub(crate) fn hour(self, event_time: i64) -> u32 {
        let time = match self {
            Written::At(time) => time,
            Written::Unknown(_) => event_time,
        };
        u32::try_from(time / HOUR).unwrap_or_default()
    }

    /// The newest time that a record may name, if there is a limit.
    pub(crate) fn limit(self) -> Option<i64> {
        match self {
            Written::At(time) => Some(time.saturating_add(MAX_AHEAD)),
            Written::Unknown(_) => None,
        }
    }

    /// The oldest time that a record may name which may be at most so many hours old, if there is a limit.
    pub(crate) fn oldest(self, hours: u32) -> Option<i64> {
        match self {
            Written::At(time) => Some(time.saturating_sub(i64::from(hours) * HOUR)),
            Written::Unknown(_) => None,
        }
    }

    /// The time of an event as far as clocks may follow it: never ahead of when it was written, nor of
    /// when it was read if that is unknown.
    pub fn bounded(self, event_time: i64) -> i64 {
        event_time.min(self.time())
    }
}

/// The most that a record's `timestamp` may be ahead of when it was written, in milliseconds.
pub const MAX_AHEAD: i64 = 24 * HOUR;

/// An hour, in milliseconds.
const HOUR: i64 = 60 * 60 * 1000;

/// What a line begins with that tells when it was written.
const STAMP: &[u8] = br#"{"recordedAt":"#;

/// Adds to a JSON object when it is written, in milliseconds since the Unix epoch. Whatever else it is
/// stays as it is.
pub fn stamped(json: &[u8], written: i64) -> Vec<u8> {
    match json.trim_ascii_start().strip_prefix(b"{") {
        Some(fields) if fields.trim_ascii_start().first() != Some(&b'}') => {
            [STAMP, written.to_string().as_bytes(), b",", fields].concat()
        }
        _ => json.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Written, stamped};

    #[test]
    fn a_line_tells_when_it_was_written() {
        let now = 1_743_508_800_500;
        let line = stamped(br#" {"userId":"u"}"#, now - 7);
        assert_eq!(line, br#"{"recordedAt":1743508800493,"userId":"u"}"#);
        assert_eq!(Written::of_line(&line, now), Written::At(now - 7));
        for json in [&b"{}"[..], b"{ }", b"[1]", b"no JSON", b""] {
            assert_eq!(stamped(json, now), json);
        }
        for line in [
            &br#"{"userId":"u"}"#[..],
            br#"{"recordedAt":"1743508800493","userId":"u"}"#,
            br#"{"recordedAt":17"#,
            br#"{"recordedAt":1743,"userId":"u"}"#,
            b"",
        ] {
            assert_eq!(Written::of_line(line, now), Written::Unknown(now));
        }
    }
}
