//! What is wrong with a configuration, in words that tell its writer how to correct it.

use super::origin::Origin;
use parser::{beginning, brief};
use std::fmt;
use std::path::PathBuf;

/// The most bytes of a configuration's file.
pub(super) const LARGEST_FILE: u64 = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read the configuration {}", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file has too many bytes.
    #[error("{}: the configuration has more than {LARGEST_FILE} bytes", path.display())]
    TooLarge {
        /// Its path.
        path: PathBuf,
    },
    /// The file is not TOML.
    #[error("{}:{line}: not TOML: {}", path.display(), brief(message))]
    Syntax {
        /// Its path.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's words.
        message: String,
    },
    /// Settings are wrong; all that are, in the order in which they are read.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
}

/// One setting that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where it was set.
    pub origin: Origin,
    /// Its name, section first: `http.listen`.
    pub key: String,
    /// What it was set to, where that may be shown.
    pub value: Option<String>,
    /// What it must be.
    pub rule: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, brief(&self.key))?;
        if let Some(value) = &self.value {
            write!(f, " = {}", brief(value))?;
        }
        // A rule may repeat the value.
        write!(f, ": {}", brief(&self.rule))
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// The message about an unknown name, with the nearest known one.
pub(super) fn unknown(name: &str, known: &[String]) -> String {
    // No known name is as long as that; likeness takes the product of the lengths.
    let name = beginning(name);
    let name = &*name;
    let likeness = |known: &&String| {
        // The last part is compared as well: the section alone may be wrong, or missing.
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let whole = strsim::jaro_winkler(name, known);
        whole.max(strsim::normalized_damerau_levenshtein(&last(name), &last(known)))
    };
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|nearest| likeness(nearest) > 0.7) {
        Some(nearest) => format!("there is no such setting; did you mean {nearest}?"),
        None => "there is no such setting".into(),
    }
}
