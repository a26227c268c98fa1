//! Lines of comma-separated values.

use crate::read::record::LineError;
use parser::milliseconds;

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
        value if value.len() > 512 => Err(LineError(format!("{name} is over 512 bytes"))),
        value => Ok(value),
    }
}

/// Reads a time, as ISO 8601 or as a number, in any spelling that events have.
pub(super) fn time(value: &str) -> Result<i64, LineError> {
    milliseconds(value).map_err(|error| LineError(format!("{value:?} {error}")))
}
