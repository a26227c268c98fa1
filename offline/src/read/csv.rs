//! Lines of comma-separated values.

use crate::read::record::LineError;
use csv_core::{ReadRecordResult, Reader};
use dataflows::record::event::Event;
use parser::{is_id, milliseconds, shown};

/// The values of one line.
pub(super) enum Values<'a> {
    /// As they stand between commas.
    Plain(&'a str),
    /// Without their quotes, end to end, and where each ends.
    Unquoted(&'a str, &'a [usize]),
}

/// A buffer for the values of a line that has quotes.
#[derive(Default)]
pub(super) struct Unquoted {
    reader: Reader,
    values: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Values<'a> {
    /// Reads the values of a line. A value in quotes may hold commas, and quotes that are doubled, but no
    /// line's end: what is cut off in the midst of a value takes no other line along.
    pub(super) fn of(line: &'a str, unquoted: &'a mut Unquoted) -> Result<Values<'a>, LineError> {
        if line.contains('"') { unquoted.read(line) } else { Ok(Values::Plain(line)) }
    }

    /// The values, of which there must be so many.
    pub(super) fn fields<const N: usize>(&self) -> Result<[&'a str; N], LineError> {
        let mut values = [""; N];
        let count = match *self {
            Values::Plain(line) => fill(&mut values, line.split(',')),
            Values::Unquoted(texts, ends) => {
                let begins = std::iter::once(0).chain(ends.iter().copied());
                fill(&mut values, begins.zip(ends).map(|(begin, &end)| &texts[begin..end]))
            }
        };
        if count == N { Ok(values) } else { Err(LineError(format!("{count} values, not {N}"))) }
    }
}

impl Unquoted {
    fn read<'a>(&'a mut self, line: &str) -> Result<Values<'a>, LineError> {
        let Unquoted { reader, values, ends } = self;
        *reader = Reader::new();
        // No value is longer than the line, and none of them but one is without a comma.
        values.resize(line.len(), 0);
        ends.resize(line.len() + 1, 0);
        let (_, _, length, count) = reader.read_record(line.as_bytes(), values, ends);
        let (read, _, more, last) =
            reader.read_record(b"\n", &mut values[length..], &mut ends[count..]);
        if read != ReadRecordResult::Record {
            return Err(LineError("a quote is not closed".into()));
        }
        let (length, count) = (length + more, count + last);
        let texts = str::from_utf8(&values[..length]).expect("quotes were taken out of a text");
        Ok(Values::Unquoted(texts, &ends[..count]))
    }
}

/// Takes the first values, trimmed, and counts all.
fn fill<'a>(values: &mut [&'a str], all: impl Iterator<Item = &'a str>) -> usize {
    let mut count = 0;
    for value in all {
        if let Some(place) = values.get_mut(count) {
            *place = value.trim();
        }
        count += 1;
    }
    count
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
    milliseconds(value)
        .map_err(|error| LineError(format!("{} {error}", shown(&format!("{value:?}")))))
}
