//! Adds tokens and signing secrets to the file of tokens.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Adds a line to a file of tokens, which nobody else may read; it is made when it is missing.
///
/// # Errors
/// When the file cannot be read or written.
pub fn append_line(file: &Path, line: &str) -> io::Result<()> {
    let content = match std::fs::read(file) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let gap = if content.last().is_some_and(|last| *last != b'\n') { "\n" } else { "" };
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    file.write_all(format!("{gap}{line}\n").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Keyring, Scope, SigningSecret, Token, secret_line, token_line};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_is_added_is_read_again_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let (token, secret) = (Token::new().unwrap(), SigningSecret::random().unwrap());
        append_line(&file, &token_line("shop", Scope::Write, &token)).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap().trim_end()).unwrap();
        append_line(&file, &secret_line("pages", &secret)).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let keyring = text.parse::<Keyring>().unwrap();
        assert!(keyring.identify(token.expose()).is_ok());
        assert_eq!(keyring.secret("pages"), Some(&secret));
        assert!(!text.contains(token.expose()), "the token itself is not kept");
    }
}
