//! A file that holds one secret, which is read whenever the secret is needed: who changes it needs no restart.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file with one secret, and the setting that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    key: String,
    path: PathBuf,
}

/// The secret of a file cannot be used now. It never tells the file's content.
#[derive(Debug, thiserror::Error)]
pub struct SecretFileError {
    key: String,
    path: PathBuf,
    /// What is wrong.
    pub why: SecretFault,
}

impl fmt::Display for SecretFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the file {} {}", self.key, self.path.display(), self.why)
    }
}

/// What is wrong with a file that is to hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFault {
    /// It is missing, a folder, or another user's.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Nothing is in it but a newline.
    #[error("is empty")]
    Empty,
    /// It is no text.
    #[error("is no text of UTF-8")]
    NoText,
}

impl SecretFile {
    /// The file that a setting names.
    pub fn new(key: impl Into<String>, path: impl Into<PathBuf>) -> SecretFile {
        SecretFile { key: key.into(), path: path.into() }
    }

    /// The setting that names it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the secret as it is now, without the newline that editors leave at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or is empty.
    pub fn read(&self) -> Result<String, SecretFileError> {
        let read = std::fs::read(&self.path).map_err(SecretFault::from).and_then(secret);
        read.map_err(|why| SecretFileError { key: self.key.clone(), path: self.path.clone(), why })
    }
}

/// The secret of a file's content.
fn secret(content: Vec<u8>) -> Result<String, SecretFault> {
    let mut text = String::from_utf8(content).map_err(|_| SecretFault::NoText)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() { Err(SecretFault::Empty) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_all_of_the_file_but_its_last_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let file = SecretFile::new("redis.password_file", &path);
        for (content, expected) in [
            (&b"secret"[..], Ok("secret")),
            (b"secret\n", Ok("secret")),
            (b"secret\r\n", Ok("secret")),
            (b" se cret \n\n", Ok(" se cret \n")),
            (b"", Err("is empty")),
            (b"\n", Err("is empty")),
            (b"\xff", Err("is no text of UTF-8")),
        ] {
            std::fs::write(&path, content).unwrap();
            let read = file.read().map_err(|error| error.to_string());
            let told = |why| format!("redis.password_file: the file {} {why}", path.display());
            assert_eq!(read, expected.map(str::to_owned).map_err(told), "{content:?}");
        }
        std::fs::remove_file(&path).unwrap();
        let error = file.read().unwrap_err().to_string();
        assert!(error.contains("cannot be read: No such file"), "{error}");
    }
}
