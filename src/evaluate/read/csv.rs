//! A line of comma-separated values.

use super::Misfit;
use crate::event::parse::milliseconds;

/// Splits a line; none of the sets quotes a value.
pub(super) fn fields<const N: usize>(line: &str) -> Result<[&str; N], Misfit> {
    let mut values = [""; N];
    let mut given = line.split(',');
    for (at, value) in values.iter_mut().enumerate() {
        *value = given.next().ok_or_else(|| Misfit(format!("{at} values, not {N}")))?.trim();
    }
    match given.count() {
        0 => Ok(values),
        more => Err(Misfit(format!("{} values, not {N}", N + more))),
    }
}

/// An id: a value that has to be there.
pub(super) fn id<'a>(value: &'a str, name: &str) -> Result<&'a str, Misfit> {
    match value {
        "" => Err(Misfit(format!("{name} is empty"))),
        value if value.len() > 512 => Err(Misfit(format!("{name} is over 512 bytes"))),
        value => Ok(value),
    }
}

/// A time as text, or as a number of milliseconds.
pub(super) fn time(value: &str) -> Result<i64, Misfit> {
    let text = value.strip_suffix(" UTC").unwrap_or(value);
    milliseconds(text).ok_or_else(|| Misfit(format!("{value:?} is no time")))
}

/// A time in whole seconds.
pub(super) fn seconds(value: &str) -> Result<i64, Misfit> {
    let seconds = value.parse().ok().filter(|&seconds: &i64| (0..1 << 40).contains(&seconds));
    seconds.map(|seconds| seconds * 1_000).ok_or_else(|| Misfit(format!("{value:?} is no time")))
}
