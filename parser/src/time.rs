//! Timestamps: ISO 8601, or a number since the Unix epoch in a unit that its size tells.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use thiserror::Error;

/// 2000-01-01 in milliseconds since the Unix epoch. No shop's event is older.
pub(crate) const YEAR_2000: i64 = 946_684_800_000;

/// The reason why a text is no time of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TimeError {
    /// It is no time.
    #[error("is no time")]
    NoTime,
    /// It is before the year 2000.
    #[error("is before the year 2000")]
    TooOld,
    /// It has a zone's name in place of an offset, and what that says may change.
    #[error("names a zone, but no offset from UTC")]
    NoOffset,
}

/// Reads a time as milliseconds since the Unix epoch. A time without an offset is UTC. A number is
/// seconds, milliseconds, microseconds or nanoseconds: these do not overlap from 2000 on.
///
/// # Errors
/// When the text is no time, one before the year 2000, or one of a zone without an offset.
pub fn milliseconds(text: &str) -> Result<i64, TimeError> {
    let time = match fixed(text.as_bytes()).or_else(|| number(text)) {
        Some(time) => time,
        None => iso(text)?,
    };
    if time < YEAR_2000 { Err(TimeError::TooOld) } else { Ok(time) }
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.fff]Z`, which nearly every client sends, ten times as fast as [`iso`].
fn fixed(text: &[u8]) -> Option<i64> {
    let (
        [y0, y1, y2, y3, b'-', mo0, mo1, b'-', d0, d1, b'T', h0, h1, b':', m0, m1, b':', s0, s1],
        end,
    ) = text.split_first_chunk()?
    else {
        return None;
    };
    let millis = match end {
        [b'Z'] => 0,
        [b'.', a, b, c, b'Z'] => digits([*a, *b, *c])?,
        _ => return None,
    };
    let year = digits([*y0, *y1, *y2, *y3])?;
    let (month, day) = (digits([*mo0, *mo1])?, digits([*d0, *d1])?);
    let (hour, minute, second) = (digits([*h0, *h1])?, digits([*m0, *m1])?, digits([*s0, *s1])?);
    let valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let second = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    valid.then_some(second * 1000 + millis)
}

#[inline]
fn digits<const N: usize>(text: [u8; N]) -> Option<i64> {
    let digits = text.map(|digit| digit.wrapping_sub(b'0'));
    let number = digits.iter().fold(0, |number, &digit| number * 10 + i64::from(digit));
    digits.iter().all(|&digit| digit < 10).then_some(number)
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, for years from 1 on, after Howard Hinnant's `days_from_civil`: the year begins
/// in March, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// Reads a decimal number of any unit as milliseconds; what is less than one is cut off.
fn number(text: &str) -> Option<i64> {
    const SECONDS: i64 = YEAR_2000 / 1000;
    const MICROS: i64 = YEAR_2000 * 1000;
    const NANOS: i64 = MICROS * 1000;
    // Rust also reads "inf" and "nan" as numbers.
    if !text.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if let Ok(whole) = text.parse() {
        return Some(match whole {
            SECONDS..YEAR_2000 => whole * 1000,
            MICROS..NANOS => whole / 1000,
            NANOS.. => whole / 1_000_000,
            // Milliseconds; what is less is too old in any unit.
            _ => whole,
        });
    }
    let number: f64 = text.parse().ok()?;
    let factor = match number {
        9.466_848e8..9.466_848e11 => 1e3,
        9.466_848e14..9.466_848e17 => 1e-3,
        9.466_848e17.. => 1e-6,
        _ => 1.0,
    };
    #[allow(clippy::cast_possible_truncation, reason = "1e15 is within i64")]
    Some(number * factor).filter(|time| time.abs() < 1e15).map(|time| time as i64)
}

/// Reads everything else that ISO 8601 allows: offsets, other precisions, a date alone. " UTC" is an
/// offset of 0. A zone's name in brackets (RFC 9557) says nothing that the offset before it does not.
fn iso(text: &str) -> Result<i64, TimeError> {
    let (time, has_zone) = match text.strip_suffix(']') {
        Some(text) => (text.split_once('[').ok_or(TimeError::NoTime)?.0, true),
        None => (text, false),
    };
    let timestamp = match time.strip_suffix(" UTC") {
        Some(civil) => utc_of(civil),
        // A date and time of no offset, rather than one whose offset would be passed over.
        None if has_no_offset(time) => match utc_of(time) {
            Some(_) if has_zone => return Err(TimeError::NoOffset),
            timestamp => timestamp,
        },
        None => time.parse().ok(),
    };
    timestamp.map(Timestamp::as_millisecond).ok_or(TimeError::NoTime)
}

fn utc_of(civil: &str) -> Option<Timestamp> {
    let civil: DateTime = civil.parse().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// True for a text whose time, after its date, has neither `Z` nor a sign.
fn has_no_offset(text: &str) -> bool {
    let time = text.split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
    !time.contains(['Z', 'z', '+', '-'])
}

#[cfg(test)]
mod tests {
    use crate::time::{TimeError, fixed, iso, milliseconds};
    use proptest::prelude::{any, proptest};

    #[test]
    fn timestamps_are_read_in_every_spelling() {
        let noon = Ok(1_743_508_800_000);
        let (old, none) = (Err(TimeError::TooOld), Err(TimeError::NoTime));
        let no_offset = Err(TimeError::NoOffset);
        let cases = [
            ("2025-04-01T12:00:00.000Z", noon),
            ("2025-04-01T12:00:00Z", noon),
            ("2025-04-01T12:00:00.123456Z", Ok(1_743_508_800_123)),
            ("2025-04-01T14:00:00+02:00", noon),
            ("2025-04-01T14:00:00.000+0200", noon),
            ("2025-04-01T12:00:00", noon),
            ("2025-04-01 12:00:00Z", noon),
            ("2025-04-01", Ok(1_743_465_600_000)),
            ("20250401T120000Z", noon),
            ("1743508800000", noon),
            ("1743508800000.9", noon),
            ("1.7435088e12", noon),
            ("1743508800", noon),
            ("1743508800.123", Ok(1_743_508_800_123)),
            ("1743508800123456", Ok(1_743_508_800_123)),
            ("1743508800123456789", Ok(1_743_508_800_123)),
            ("1.743508800123e15", Ok(1_743_508_800_123)),
            ("946684800", Ok(946_684_800_000)),
            ("946684800000", Ok(946_684_800_000)),
            ("2025-04-01T14:00:00+02:00[Europe/Berlin]", noon),
            ("2025-04-01T12:00:00Z[UTC]", noon),
            ("2025-04-01T12:00:00Z[Europe/Berlin]", noon),
            ("2025-04-01T14:00:00+02:00[Europe/Berlin][u-ca=gregory]", noon),
            ("2025-04-01 14:00+02[Europe/Berlin]", noon),
            ("2025-04-01T12:00:00[Europe/Berlin]", no_offset),
            ("2025-04-01 12:00[UTC]", no_offset),
            ("2025-04-01[Europe/Berlin]", no_offset),
            ("yesterday[Europe/Berlin]", none),
            ("2025-04-01T12:00:00Z]", none),
            ("2025-04-01T12:00:00]", none),
            ("2025-04-01T12:00:00Z[UTC", none),
            ("2025-04-01 12:00:00 UTC", noon),
            ("2025-04-01 12:00 UTC", noon),
            ("946684799", old),
            ("0", old),
            ("0.5", old),
            ("1970-01-01T00:00:00Z", old),
            ("1999-12-31T23:59:59.999Z", old),
            ("2024-02-29T00:00:00Z", Ok(1_709_164_800_000)),
            ("1969-12-31T23:59:59Z", old),
            ("-1", old),
            ("2025-02-29T00:00:00Z", none),
            ("2025-13-01T00:00:00Z", none),
            ("2025-00-01T00:00:00Z", none),
            ("2025-04-01T24:00:00Z", none),
            ("2025-04-01T12:60:00Z", none),
            ("2025-04-01t12:0a:00Z", none),
            ("2025-04-01T12:00:00+25:99", none),
            ("yesterday", none),
            ("inf", none),
            ("1e300", none),
            ("", none),
        ];
        for (text, time) in cases {
            assert_eq!(milliseconds(text), time, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_agrees_with_the_library(seconds in 0_i64..=253_402_300_799, millis in 0_i64..1000) {
            let time = seconds * 1000 + millis;
            let text = format!("{:.3}", jiff::Timestamp::from_millisecond(time).unwrap());
            assert_eq!((fixed(text.as_bytes()), iso(&text)), (Some(time), Ok(time)));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = milliseconds(&text);
        }
    }
}
