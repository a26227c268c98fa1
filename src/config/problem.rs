//! What is wrong with a configuration, in words that tell its writer how to correct it.

use super::origin::Origin;
use std::fmt;
use std::path::PathBuf;

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
    /// The file is not TOML.
    #[error("{}:{line}: not TOML: {message}", path.display())]
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
        write!(f, "{}: {}", self.origin, self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}", self.rule)
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// The message about an unknown name, with the nearest known one.
pub(super) fn unknown(name: &str, known: &[String]) -> String {
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
