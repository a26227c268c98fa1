//! Visitors' keys: a shop's server mints them without asking us, and a browser reads one visitor's lists with them.
//!
//! They are JSON Web Tokens (RFC 7519) with HMAC-SHA-256, for which every language has a library. `kid` in the header is
//! the name of the signing secret; the claims are `scope`, which is `visitor`, `sub`, which is the user or the session,
//! `exp`, and `origin`, the pages' origin, which may be left out.

use super::token::random_text;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ring::error::Unspecified;
use serde::{Deserialize, Serialize};

/// The scope that a key must claim, so that what is signed for something else is none.
const SCOPE: &str = "visitor";

/// The fewest bytes of a secret: as many as its signatures have.
const LEAST_SECRET: usize = 32;

/// What a key says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitorClaims {
    scope: String,
    /// The visitor: the user's or the session's id, as in events.
    pub sub: String,
    /// Until when it is good, in seconds since the Unix epoch.
    pub exp: u64,
    /// The origin of the pages that may use it, such as `https://shop.example`; any without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl VisitorClaims {
    /// A key of a visitor, until a time in seconds since the Unix epoch.
    pub fn new(visitor: impl Into<String>, until: u64, origin: Option<String>) -> VisitorClaims {
        VisitorClaims { scope: SCOPE.into(), sub: visitor.into(), exp: until, origin }
    }
}

/// What keys are signed with: the text itself is the secret, and at least 32 bytes long. It prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(String);

impl SigningSecret {
    /// Makes one of 256 random bits.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn random() -> Result<SigningSecret, Unspecified> {
        random_text().map(SigningSecret)
    }

    /// Takes a text, if it is long enough.
    pub fn of(text: &str) -> Option<SigningSecret> {
        (text.len() >= LEAST_SECRET).then(|| SigningSecret(text.into()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Mints a key, as a shop's server does. `name` is the secret's.
    pub fn sign(&self, name: &str, claims: &VisitorClaims) -> String {
        let header = Header { kid: Some(name.into()), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(self.0.as_bytes());
        encode(&header, claims, &key).expect("texts and a number are always JSON")
    }

    /// Reads a key that was signed with this secret and is good now.
    pub(super) fn verify(&self, key: &str) -> Result<VisitorClaims, Refused> {
        let mut rule = Validation::new(Algorithm::HS256);
        // The clocks of two machines differ a little.
        rule.leeway = 30;
        rule.set_required_spec_claims(&["exp", "sub"]);
        let secret = DecodingKey::from_secret(self.0.as_bytes());
        let read = decode::<VisitorClaims>(key, &secret, &rule);
        let claims = read.map(|read| read.claims).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Refused::Expired,
            ErrorKind::InvalidSignature => Refused::Forged,
            _ => Refused::NoKey,
        })?;
        if claims.scope == SCOPE { Ok(claims) } else { Err(Refused::NoKey) }
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Why a visitor's key is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the visitor's key has expired")]
    Expired,
    #[error("the visitor's key is not signed with the secret that it names")]
    Forged,
    #[error("it is no visitor's key: HS256, with scope \"visitor\", sub and exp")]
    NoKey,
}

/// The name of the secret that a visitor's key names, if it looks like one.
pub(super) fn secret_of(key: &str) -> Option<String> {
    // No token has dots, and every JSON Web Token has two.
    key.contains('.').then(|| jsonwebtoken::decode_header(key).ok()?.kid).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> u64 {
        jiff::Timestamp::now().as_second().try_into().unwrap()
    }

    #[test]
    fn a_key_is_good_until_its_time_and_with_its_secret_alone() {
        let secret = SigningSecret::random().unwrap();
        let claims = VisitorClaims::new("user 1", now() + 60, Some("https://shop.example".into()));
        let key = secret.sign("pages", &claims);
        assert_eq!(secret_of(&key).as_deref(), Some("pages"));
        assert_eq!(secret.verify(&key), Ok(claims.clone()));
        let other = SigningSecret::random().unwrap();
        assert_eq!(other.verify(&key), Err(Refused::Forged));
        let old = secret.sign("pages", &VisitorClaims { exp: now() - 60, ..claims.clone() });
        assert_eq!(secret.verify(&old), Err(Refused::Expired));
        let of_another_scope = VisitorClaims { scope: "admin".into(), ..claims };
        assert_eq!(secret.verify(&secret.sign("pages", &of_another_scope)), Err(Refused::NoKey));
        assert_eq!(secret_of("recsys_abc"), None);
        assert_eq!(secret_of("a.b.c"), None);
    }

    #[test]
    fn no_other_algorithm_is_taken_and_no_key_without_an_end() {
        let secret = SigningSecret::random().unwrap();
        let key = EncodingKey::from_secret(secret.expose().as_bytes());
        let claims = VisitorClaims::new("user1", now() + 60, None);
        let of_512 = encode(&Header::new(Algorithm::HS512), &claims, &key).unwrap();
        assert_eq!(secret.verify(&of_512), Err(Refused::NoKey));
        let endless = serde_json::json!({"scope": "visitor", "sub": "user1"});
        let endless = encode(&Header::new(Algorithm::HS256), &endless, &key).unwrap();
        assert_eq!(secret.verify(&endless), Err(Refused::NoKey));
        // {"alg":"none"} {"scope":"visitor","sub":"user1","exp":9999999999}
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6InZpc2l0b3IiLCJzdWIiOiJ1c2VyMSIsImV4cCI6OTk5OTk5OTk5OX0.";
        assert_eq!(secret.verify(unsigned), Err(Refused::NoKey));
    }

    #[test]
    fn short_secrets_are_none() {
        assert_eq!(SigningSecret::of(&"s".repeat(31)), None);
        assert_eq!(format!("{:?}", SigningSecret::of(&"s".repeat(32)).unwrap()), "***");
    }
}
