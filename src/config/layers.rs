//! Settings as they were typed in a file, the environment and flags; nothing is checked yet.

use super::DEFAULT_FILE;
use super::origin::Origin;
use super::problem::{ConfigError, LARGEST_FILE};
use super::typed::TypedValue;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The layers of a configuration, by dotted key. Flags override the environment, which overrides
/// the file.
#[derive(Debug, Default)]
pub struct Layers {
    pub(super) file: BTreeMap<String, (TypedValue, Origin)>,
    /// The tables of the file, to find unknown ones that are empty.
    pub(super) sections: Vec<(String, Origin)>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) flags: BTreeMap<String, (String, String)>,
}

impl Layers {
    /// Reads a file. The default one may be missing; one that is named must not.
    ///
    /// # Errors
    /// When the file can't be read, is too large, or is not TOML.
    pub fn file(self, named: Option<&Path>) -> Result<Layers, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let mut text = String::new();
        let read = open(path).and_then(|file| {
            // One more than there may be, so that too large a file is seen to be.
            file.take(LARGEST_FILE + 1).read_to_string(&mut text)
        });
        match read {
            Ok(_) if text.len() as u64 > LARGEST_FILE => {
                Err(ConfigError::TooLarge { path: path.into() })
            }
            Ok(_) => self.text(path, &text),
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => Ok(self),
            Err(source) => Err(ConfigError::Unreadable { path: path.into(), source }),
        }
    }

    /// Adds a file's text.
    ///
    /// # Errors
    /// When it is not TOML.
    pub fn text(mut self, path: &Path, text: &str) -> Result<Layers, ConfigError> {
        let line = |span: Range<usize>| 1 + text[..span.start].matches('\n').count();
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.into(),
            line: error.span().map_or(1, line),
            message: error.message().into(),
        })?;
        let origin = |span| Origin::File { path: path.into(), line: line(span) };
        self.table("", table.get_ref(), &origin);
        Ok(self)
    }

    fn table(
        &mut self,
        above: &str,
        table: &DeTable<'_>,
        origin: &impl Fn(Range<usize>) -> Origin,
    ) {
        for (key, value) in table {
            let origin_here = origin(key.span());
            let key = format!("{above}{}", key.get_ref());
            if let DeValue::Table(table) = value.get_ref() {
                self.sections.push((key.clone(), origin_here));
                self.table(&format!("{key}."), table, origin);
            } else {
                self.file.insert(key, (typed(value.get_ref()), origin_here));
            }
        }
    }

    /// Adds the variables that begin with `RECSYS_`: `RECSYS_HTTP_LISTEN` is `http.listen`.
    #[must_use]
    pub fn environment(mut self, variables: impl Iterator<Item = (String, String)>) -> Layers {
        self.environment.extend(variables.filter(|(name, _)| is_ours(name)));
        self
    }

    /// Adds one setting of the command line; `flag` is how it was typed there.
    #[must_use]
    pub fn flag(mut self, key: &str, value: impl Into<String>, flag: impl Into<String>) -> Layers {
        self.flags.insert(key.into(), (value.into(), flag.into()));
        self
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Opening a folder succeeds.
    match path.is_dir() {
        true => Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder")),
        false => File::open(path),
    }
}

fn typed(value: &DeValue<'_>) -> TypedValue {
    match value {
        DeValue::String(text) => TypedValue::Text(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => {
            TypedValue::Integer(number.as_str().into())
        }
        DeValue::Boolean(boolean) => TypedValue::Boolean(*boolean),
        DeValue::Array(items) => {
            let text = |item: &DeValue<'_>| item.as_str().map(str::to_owned);
            let texts: Option<_> = items.iter().map(|item| text(item.get_ref())).collect();
            texts.map_or(
                TypedValue::Other("an array of something else than strings"),
                TypedValue::List,
            )
        }
        DeValue::Float(number) => TypedValue::Fraction(number.as_str().into()),
        other => TypedValue::Other(other.type_str()),
    }
}

/// Whether a variable is a setting. The process's own and the tests' are none, nor are those that
/// Kubernetes sets for a service named `recsys` (`RECSYS_PORT_80_TCP`…).
fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("RECSYS_") else { return false };
    let others = ["LOG", "CONFIG", "PORT", "TOKEN"];
    let families = ["TEST_", "SERVICE_", "PORT_"];
    !others.contains(&rest) && !families.iter().any(|family| rest.starts_with(family))
}
