//! All tokens and signing secrets that are known, as lines of text.

use super::right::Scope;
use super::token::{Token, TokenDigest, is_name};
use super::visitor::{SigningSecret, VisitorClaims, secret_of};
use std::str::FromStr;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The word for a signing secret, where a token has its scope.
const SIGN: &str = "sign";
/// What stands before a token's digest.
const DIGEST: &str = "sha256:";

/// What is known of tokens and of visitors' keys.
///
/// Its text has a line for each, which may also be parted by commas: a name, a scope and the digest of a token,
/// `shop write sha256:9f86…`; or a name, `sign` and the secret, `pages sign 3q2-7w…`. A `#` begins a comment.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    tokens: Vec<KnownToken>,
    secrets: Vec<(String, SigningSecret)>,
}

#[derive(Clone, Debug)]
struct KnownToken {
    name: String,
    scope: Scope,
    digest: TokenDigest,
}

/// Who has sent a token or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A program, by the name of its token.
    Token {
        /// The token's name.
        name: String,
        /// What it grants.
        scope: Scope,
    },
    /// A visitor's browser.
    Visitor {
        /// The name of the secret that the key is signed with.
        signed_by: String,
        /// What the key says.
        claims: VisitorClaims,
    },
}

/// What is wrong with the text of a keyring. It does not repeat the line, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}")]
pub struct KeyringError {
    line: usize,
    rule: &'static str,
}

impl FromStr for Keyring {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Keyring, KeyringError> {
        let mut keyring = Keyring::default();
        for (index, line) in text.lines().enumerate() {
            let line_of = |rule| KeyringError { line: index + 1, rule };
            let line = line.split('#').next().unwrap_or_default();
            for entry in line.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                keyring.add(entry).map_err(line_of)?;
            }
        }
        Ok(keyring)
    }
}

impl Keyring {
    fn add(&mut self, entry: &str) -> Result<(), &'static str> {
        let mut words = entry.split_whitespace();
        let (Some(name), Some(kind), Some(value), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("must be a name, a scope or \"sign\", and a digest or a secret");
        };
        if !is_name(name) {
            return Err("the name must be 1 to 64 letters, digits, '.', '_' and '-'");
        }
        if self.has(name) {
            return Err("the name must be no other's");
        }
        if kind == SIGN {
            let secret = SigningSecret::of(value);
            self.secrets
                .push((name.into(), secret.ok_or("the secret must have 32 bytes at least")?));
            return Ok(());
        }
        let scope = Scope::of_name(kind)
            .ok_or("the second word must be public, read, write, admin or sign")?;
        let digest = value.strip_prefix(DIGEST).and_then(TokenDigest::of_hex);
        let digest =
            digest.ok_or("the token's digest must be sha256: and 64 hexadecimal digits")?;
        self.tokens.push(KnownToken { name: name.into(), scope, digest });
        Ok(())
    }

    /// Adds what another one has.
    ///
    /// # Errors
    /// The name that both have.
    pub fn with(mut self, other: Keyring) -> Result<Keyring, String> {
        if let Some(twice) = other.names().find(|name| self.has(name)) {
            return Err(twice.to_owned());
        }
        self.tokens.extend(other.tokens);
        self.secrets.extend(other.secrets);
        Ok(self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.secrets.is_empty()
    }

    /// The number of tokens and secrets.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.secrets.len()
    }

    /// Whether a name is taken.
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let tokens = self.tokens.iter().map(|token| &*token.name);
        tokens.chain(self.secrets.iter().map(|(name, _)| &**name))
    }

    /// A signing secret, by its name.
    pub fn secret(&self, name: &str) -> Option<&SigningSecret> {
        self.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret)
    }

    /// Tells who has sent a token or a key.
    ///
    /// # Errors
    /// Why it is nobody's, for whoever has sent it.
    pub fn identify(&self, sent: &str) -> Result<Identity, String> {
        if let Some(name) = secret_of(sent) {
            let secret =
                self.secret(&name).ok_or("the secret that the visitor's key names is not known")?;
            let claims = secret.verify(sent).map_err(|refused| refused.to_string())?;
            return Ok(Identity::Visitor { signed_by: name, claims });
        }
        // All are compared, and each whole, so that the time tells nothing of how near a guess is.
        let digest = TokenDigest::of(sent);
        let mut found = u64::MAX;
        for (index, token) in (0..).zip(&self.tokens) {
            let same: Choice = token.digest.0.ct_eq(&digest.0);
            found.conditional_assign(&index, same);
        }
        let index = usize::try_from(found).unwrap_or(usize::MAX);
        let token = self.tokens.get(index).ok_or("the token is not known")?;
        Ok(Identity::Token { name: token.name.clone(), scope: token.scope })
    }
}

/// The line of a token.
pub fn token_line(name: &str, scope: Scope, token: &Token) -> String {
    format!("{name} {} {DIGEST}{}", scope.name(), token.digest())
}

/// The line of a signing secret.
pub fn secret_line(name: &str, secret: &SigningSecret) -> String {
    format!("{name} {SIGN} {}", secret.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_keys_are_known_by_their_lines() {
        let (shop, page) = (Token::new().unwrap(), Token::new().unwrap());
        let secret = SigningSecret::random().unwrap();
        let text = format!(
            "# who may do what\n{}\n\n{}, {} # browsers\n",
            token_line("shop", Scope::Write, &shop),
            token_line("page", Scope::Public, &page),
            secret_line("pages", &secret),
        );
        let keyring = text.parse::<Keyring>().unwrap();
        assert_eq!(keyring.len(), 3);
        let token = |name: &str, scope| Ok(Identity::Token { name: name.into(), scope });
        assert_eq!(keyring.identify(shop.expose()), token("shop", Scope::Write));
        assert_eq!(keyring.identify(page.expose()), token("page", Scope::Public));
        for unknown in ["", "shop", &shop.digest().to_string(), &shop.expose()[1..]] {
            assert_eq!(keyring.identify(unknown).unwrap_err(), "the token is not known");
        }
        let claims = VisitorClaims::new("user1", u64::MAX / 2, None);
        let visitor = Identity::Visitor { signed_by: "pages".into(), claims: claims.clone() };
        assert_eq!(keyring.identify(&secret.sign("pages", &claims)), Ok(visitor));
        let of_nobody = keyring.identify(&secret.sign("others", &claims)).unwrap_err();
        assert_eq!(of_nobody, "the secret that the visitor's key names is not known");
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_not_repeated() {
        let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (text, line, rule) in [
            ("shop", 1, "must be a name"),
            ("\nshop write a b", 2, "must be a name"),
            ("s/p write x", 1, "the name must be 1 to 64"),
            ("shop root x", 1, "the second word must be"),
            ("shop write 9f86", 1, "the token's digest must be sha256:"),
            ("shop sign short", 1, "the secret must have 32 bytes"),
            (&format!("a read {digest}\na write {digest}"), 2, "the name must be no other's"),
        ] {
            let error = text.parse::<Keyring>().unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.rule.starts_with(rule), "{text}: {error}");
        }
        let one = format!("a read {digest}").parse::<Keyring>().unwrap();
        assert_eq!(one.clone().with(one).unwrap_err(), "a");
    }
}
