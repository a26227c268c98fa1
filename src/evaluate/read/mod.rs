//! Click sets as shops and contests publish them, one record at a time.
//!
//! A line that is none is counted, with its number and what is wrong with it: published samples
//! often end in the middle of one. A file of which no line fits is refused.

mod formats;
mod csv;

#[cfg(test)]
mod tests;

pub use formats::Format;

use dataflows::record::event::Kind;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What one visitor did, its texts borrowed from the line.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// What was done.
    pub kind: Kind,
    /// When, in milliseconds since the Unix epoch.
    pub time: i64,
    /// By whom; in sets of visits without visitors, the visit.
    pub user: &'a str,
    /// The visit, or "" where the set has none.
    pub session: &'a str,
    /// With what.
    pub product: &'a str,
    /// The product's category, or "".
    pub category: &'a str,
    /// The product's tags, as far as the set has such.
    pub tags: Vec<&'a str>,
}

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misfit(pub(crate) String);

/// What was wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It can't be opened or read.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// None of the first lines is a record.
    #[error("{}:{line}: no line fits the format; the first: {misfit}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// The first line that does not fit, from 1.
        line: u64,
        /// What is wrong with it.
        misfit: Misfit,
    },
}

/// What was read of a file, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Lines that are none.
    pub bad: u64,
    /// The first of them: file, line from 1, what is wrong.
    pub first_bad: Option<(PathBuf, u64, Misfit)>,
}

impl Tally {
    /// What was left out, for whoever asked for the reading; none where nothing was.
    pub fn complaint(&self) -> Option<String> {
        let (file, line, misfit) = self.first_bad.as_ref()?;
        let (bad, file) = (self.bad, file.display());
        Some(format!("bad lines left out: {bad}; the first, {file}:{line}: {misfit}"))
    }
}

/// How many lines may be bad before the first good one.
const PATIENCE: u64 = 1_000;

/// Reads a file's records in its order.
///
/// # Errors
/// When the file can't be read, when none of its first lines fits the format, or what `each` fails
/// with.
pub fn read<E: From<ReadError>>(
    path: &Path,
    format: Format,
    tally: &mut Tally,
    mut each: impl FnMut(&Record<'_>) -> Result<(), E>,
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
        let text = String::from_utf8_lossy(line.trim_ascii());
        if text.is_empty() || number == 1 && format.is_header(&text) {
            continue;
        }
        let mut failure = Ok(());
        let mut count = 0;
        let read = format.records(&text, &mut |record| {
            count += 1;
            if failure.is_ok() {
                failure = each(record);
            }
        });
        failure?;
        tally.records += count;
        match read {
            Ok(()) => fits = true,
            Err(misfit) => {
                tally.bad += 1;
                tally.first_bad.get_or_insert_with(|| (path.into(), number, misfit.clone()));
                first.get_or_insert((number, misfit));
            }
        }
        if number >= PATIENCE && !fits {
            break;
        }
    }
    match first {
        Some((line, misfit)) if !fits => {
            Err(ReadError::Format { path: path.into(), line, misfit }.into())
        }
        _ => Ok(()),
    }
}
