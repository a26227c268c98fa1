//! Texts that must not reach a log.

use crate::access::{SecretFile, SecretFileError};
use std::fmt;

/// A password, or a text that may contain one. It prints as `***`; [`Secret::expose`] returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Returns the text itself, for sending it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is: in the settings, or in a file that is read whenever the secret is needed.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// A setting has it.
    Setting(Secret),
    /// A setting names its file.
    File(SecretFile),
}

impl SecretSource {
    /// Returns the secret as it is now.
    ///
    /// # Errors
    /// When its file cannot be read, or is empty.
    pub fn read(&self) -> Result<Secret, SecretFileError> {
        match self {
            SecretSource::Setting(secret) => Ok(secret.clone()),
            SecretSource::File(file) => file.read().map(Secret::new),
        }
    }
}

/// Returns a URL without its password: `redis://user:***@host/0`.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".into() };
    // A password may contain an `@`, a host cannot.
    let Some((login, place)) = rest.rsplit_once('@') else { return url.into() };
    let user = login.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}:***@{place}")
}
