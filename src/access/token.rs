//! Tokens of programs: what is sent is random, and what is kept of it is its digest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};

/// What every token begins with, by which scanners of source code know it.
const PREFIX: &str = "recsys_";

/// A token, as a program sends it. It prints as `***`.
pub struct Token(String);

impl Token {
    /// Makes a token of 256 random bits, which nobody can guess: a fast digest is enough to hide it.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new() -> Result<Token, Unspecified> {
        Ok(Token(PREFIX.to_owned() + &random_text()?))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.0)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// 32 random bytes, in base64 for URLs.
pub(super) fn random_text() -> Result<String, Unspecified> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The SHA-256 digest of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenDigest(pub(super) [u8; 32]);

impl TokenDigest {
    /// The digest of a token's text.
    pub(super) fn of(text: &str) -> TokenDigest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        TokenDigest(bytes)
    }

    /// Reads 64 hexadecimal digits.
    pub(super) fn of_hex(hex: &str) -> Option<TokenDigest> {
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(TokenDigest(bytes))
    }
}

impl std::fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Whether a text can be the name of a token: 1 to 64 letters, digits, `.`, `_` and `-`.
pub fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_by_its_digest_alone() {
        let (one, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), PREFIX.len() + 43);
        assert_eq!(format!("{one:?}"), "***");
        let hex = one.digest().to_string();
        assert_eq!(TokenDigest::of_hex(&hex), Some(one.digest()));
        // As `printf abc | sha256sum` has it.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenDigest::of("abc").to_string(), abc);
        for bad in ["", "ba78", &abc.replace('b', "g"), &"ü".repeat(32)] {
            assert_eq!(TokenDigest::of_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        for (name, good) in
            [("shop", true), ("a.b_c-1", true), ("", false), ("a b", false), ("ü", false)]
        {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(!is_name(&"a".repeat(65)));
    }
}
