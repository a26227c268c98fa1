//! The files of click sets, line by line.
//!
//! A line that is no record is counted, and the first such line is kept with its number and its error:
//! published samples often end in the middle of a line. A file is refused when none of its first lines
//! fits the format.

use crate::read::formats::Format;
use crate::read::record::{ClickRecord, LineError};
use parser::without_byte_order_mark;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file can't be opened or read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// None of the first lines is a record.
    #[error("{}:{line}: no line fits the format; the first: {error}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The first line that does not fit, from 1.
        line: u64,
        /// Its error.
        error: LineError,
    },
}

/// Counts of the lines of one file, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of records.
    pub records: u64,
    /// The number of lines that are no records.
    pub bad: u64,
    /// The first of these: its file, its number from 1, its error.
    pub first_bad: Option<(PathBuf, u64, LineError)>,
}

impl Tally {
    /// A message on the lines that were left out; `None` where there were none.
    pub fn complaint(&self) -> Option<String> {
        let (file, line, error) = self.first_bad.as_ref()?;
        let (bad, file) = (self.bad, file.display());
        Some(format!("bad lines left out: {bad}; the first, {file}:{line}: {error}"))
    }
}

/// The number of lines, all of them bad, after which a file is refused.
const PATIENCE: u64 = 1_000;

/// Shows a file's records in its order.
///
/// # Errors
/// When the file can't be read, when none of its first lines fits the format, or when `each` fails.
pub fn read<E: From<ReadError>>(
    path: &Path,
    format: Format,
    tally: &mut Tally,
    mut each: impl FnMut(&ClickRecord<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| ReadError::Io { path: path.into(), source };
    let mut input = BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?);
    let (mut line, mut number, mut first, mut fits) = (Vec::new(), 0, None, false);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        number += 1;
        let text = decoded(without_byte_order_mark(&line).trim_ascii());
        if text
            .as_deref()
            .is_ok_and(|text| text.is_empty() || number == 1 && format.is_header(text))
        {
            continue;
        }
        let mut failure = Ok(());
        let mut count = 0;
        let read = text.and_then(|text| {
            format.records(text, &mut |record| {
                count += 1;
                if failure.is_ok() {
                    failure = each(record);
                }
            })
        });
        failure?;
        tally.records += count;
        match read {
            Ok(()) => fits = true,
            Err(error) => {
                tally.bad += 1;
                tally.first_bad.get_or_insert_with(|| (path.into(), number, error.clone()));
                first.get_or_insert((number, error));
            }
        }
        if number >= PATIENCE && !fits {
            break;
        }
    }
    match first {
        Some((line, error)) if !fits => {
            Err(ReadError::Format { path: path.into(), line, error }.into())
        }
        _ => Ok(()),
    }
}

/// Reads bytes as text. Bytes that are none are not replaced: two ids may become one.
fn decoded(line: &[u8]) -> Result<&str, LineError> {
    str::from_utf8(line)
        .map_err(|error| LineError(format!("byte {} is not UTF-8", error.valid_up_to() + 1)))
}
