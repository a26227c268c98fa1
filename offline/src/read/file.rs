//! The files of click sets, line by line.
//!
//! A line that is no record is counted, and the first such line is kept with its number and its error:
//! published samples often end in the middle of a line. A file is refused when none of its first lines
//! fits the format.

use crate::read::formats::{Format, LineReader};
use crate::read::lines::Lines;
use crate::read::record::{ClickRecord, LineError};
use parser::without_byte_order_mark;
use std::fmt;
use std::fs::{File, metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It can't be opened, read or decompressed, or is a folder.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It has no line beside the names of the columns.
    #[error("{} has no record", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// None of the first lines is a record.
    #[error("{}:{line}: {misfit}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The first line that does not fit, from 1.
        line: u64,
        /// What is wrong with it.
        misfit: Misfit,
    },
}

/// The first line of a file of which none is a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    format: Format,
    /// The beginning of the line.
    text: String,
    error: LineError,
    /// The formats that it does fit.
    fits: Vec<Format>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Misfit { format, text, error, fits } = self;
        write!(f, "no line is one of {}: {error}\nthe first is: {text}", format.name())?;
        match &fits[..] {
            [] => {
                let mut all = Format::all().iter();
                all.try_for_each(|format| write!(f, "\n{} has: {}", format.name(), format.shape()))
            }
            fits => {
                let names: Vec<_> = fits.iter().map(|format| format.name()).collect();
                write!(f, "\n{} has: {}", format.name(), format.shape())?;
                write!(f, "\nthe line is as those of {}", names.join(" and "))
            }
        }
    }
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

/// Checks that a file can be read, and more than once.
///
/// # Errors
/// When it can't.
pub fn check_readable(path: &Path) -> Result<(), ReadError> {
    let checked = || match metadata(path)?.is_file() {
        true => File::open(path).map(drop),
        false if path.is_dir() => Err(folder()),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it can be read once alone")),
    };
    checked().map_err(|source| ReadError::Io { path: path.into(), source })
}

fn folder() -> io::Error {
    io::Error::new(ErrorKind::IsADirectory, "it is a folder")
}

/// Opens a file, or something that can be read once. Opening a folder as one would succeed.
fn open(path: &Path) -> io::Result<Lines> {
    if path.is_dir() { Err(folder()) } else { Lines::open(path) }
}

/// Shows a file's records in its order. The file may be compressed.
///
/// # Errors
/// When the file can't be read, when it has no line that fits the format, or none among its first ones,
/// or when `each` fails.
pub fn read<E: From<ReadError>>(
    path: &Path,
    format: Format,
    tally: &mut Tally,
    mut each: impl FnMut(&ClickRecord<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| ReadError::Io { path: path.into(), source };
    let (mut lines, mut reader) = (open(path).map_err(failed)?, LineReader::new(format));
    let (mut number, mut first, mut fits) = (0, None, false);
    while let Some(line) = lines.next().map_err(failed)? {
        number += 1;
        let line = without_byte_order_mark(line).trim_ascii();
        let text = decoded(line);
        if text
            .as_deref()
            .is_ok_and(|text| text.is_empty() || number == 1 && format.is_header(text))
        {
            continue;
        }
        let mut failure = Ok(());
        let mut count = 0;
        let read = text.and_then(|text| {
            reader.records(text, &mut |record| {
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
                first.get_or_insert_with(|| (number, misfit(format, line, error)));
            }
        }
        if number >= PATIENCE && !fits {
            break;
        }
    }
    let path = path.into();
    match first {
        _ if fits => Ok(()),
        Some((line, misfit)) => Err(ReadError::Format { path, line, misfit }.into()),
        None => Err(ReadError::Empty { path }.into()),
    }
}

fn misfit(format: Format, line: &[u8], error: LineError) -> Misfit {
    const SHOWN: usize = 120;
    let text = String::from_utf8_lossy(line);
    let fits = |format: &Format| {
        format.is_header(&text) || LineReader::new(*format).records(&text, &mut |_| ()).is_ok()
    };
    let fits = Format::all().iter().copied().filter(fits).collect();
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Misfit { format, text: shown, error, fits }
}

/// Reads bytes as text. Bytes that are none are not replaced: two ids may become one.
fn decoded(line: &[u8]) -> Result<&str, LineError> {
    str::from_utf8(line)
        .map_err(|error| LineError(format!("byte {} is not UTF-8", error.valid_up_to() + 1)))
}
