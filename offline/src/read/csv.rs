//! Lines of comma-separated values.

use crate::read::record::LineError;
use dataflows::record::event::Event;
use parser::{is_id, milliseconds};

/// Splits a line into its values, of which none is quoted in any of the sets.
pub(super) fn fields<const N: usize>(line: &str) -> Result<[&str; N], LineError> {
    let mut values = [""; N];
    let mut parts = line.split(',');
    for (at, value) in values.iter_mut().enumerate() {
        *value = parts.next().ok_or_else(|| LineError(format!("{at} values, not {N}")))?.trim();
    }
    match parts.count() {
        0 => Ok(values),
        more => Err(LineError(format!("{} values, not {N}", N + more))),
    }
}

/// Checks an id, which must not be empty.
pub(super) fn id<'a>(value: &'a str, name: &str) -> Result<&'a str, LineError> {
    match value {
        "" => Err(LineError(format!("{name} is empty"))),
        value if is_id(value) => Ok(value),
        _ => Err(LineError(format!("{name} is over {} bytes", Event::MAX_TEXT))),
    }
}

/// Checks a text that may be empty.
pub(super) fn text<'a>(value: &'a str, name: &str) -> Result<&'a str, LineError> {
    if value.is_empty() { Ok(value) } else { id(value, name) }
}

/// Reads a time, as ISO 8601 or as a number, in any spelling that events have.
pub(super) fn time(value: &str) -> Result<i64, LineError> {
    milliseconds(value).map_err(|error| LineError(format!("{value:?} {error}")))
}
