//! Adds tokens and signing secrets to the file of tokens.

use super::keyring::{secret_line, token_line};
use super::right::Scope;
use super::token::Token;
use super::visitor::SigningSecret;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Adds a token to a file of tokens, which nobody else may read; it is made when it is missing.
///
/// # Errors
/// When the file cannot be read or written.
pub fn append_token(file: &Path, name: &str, scope: Scope, token: &Token) -> io::Result<()> {
    append(file, &token_line(name, scope, token))
}

/// Adds a signing secret, likewise.
///
/// # Errors
/// When the file cannot be read or written.
pub fn append_secret(file: &Path, name: &str, secret: &SigningSecret) -> io::Result<()> {
    append(file, &secret_line(name, secret))
}

fn append(file: &Path, line: &str) -> io::Result<()> {
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
    use super::super::keyring::Keyring;
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_is_added_is_read_again_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let (token, secret) = (Token::new().unwrap(), SigningSecret::random().unwrap());
        append_token(&file, "shop", Scope::Write, &token).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap().trim_end()).unwrap();
        append_secret(&file, "pages", &secret).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let keyring = text.parse::<Keyring>().unwrap();
        assert!(keyring.identify(token.expose()).is_ok());
        assert_eq!(keyring.secret("pages"), Some(&secret));
        assert!(!text.contains(token.expose()), "the token itself is not kept");
    }
}
