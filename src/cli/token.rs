//! `recsys token new|sign`: makes tokens, signing secrets, and visitors' keys.

use super::args::{TokenAction, TokenScope};
use super::failure::{Unreadable, Unwritable, Usage};
use super::files;
use super::output::say;
use crate::access::{
    Scope, SigningSecret, Token, VisitorClaims, append_line, is_name, secret_line, token_line,
};
use crate::config::Config;
use anyhow::{Context, anyhow};
use serde_json::json;
use std::path::Path;

pub(super) fn run(config: &Config, action: &TokenAction) -> anyhow::Result<()> {
    match action {
        TokenAction::New { name, scope, file } => {
            let file = file.as_deref().or(config.http.access.tokens_file.as_deref());
            new(config, name, *scope, file)
        }
        TokenAction::Sign { with, visitor, origin, minutes } => {
            let keys = files::doors(&config.http)?.keys().now();
            let no_secret = || Usage(format!("--with: there is no signing secret {with:?}"));
            let secret = keys.secret(with).ok_or_else(no_secret)?;
            let until = jiff::Timestamp::now().as_second().unsigned_abs() + minutes * 60;
            let claims = VisitorClaims::new(visitor, until, origin.clone());
            say(&secret.sign(with, &claims))
        }
    }
}

/// Makes a token or a signing secret, which is shown this once.
fn new(config: &Config, name: &str, scope: TokenScope, file: Option<&Path>) -> anyhow::Result<()> {
    if !is_name(name) {
        return Err(
            Usage("--name: must be 1 to 64 letters, digits, '.', '_' and '-'".into()).into()
        );
    }
    let mut known = config.http.access.tokens.clone();
    if let Some(file) = file.filter(|file| file.exists()) {
        let path = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| Unreadable(path.clone()))?;
        let of_file = text.parse().map_err(anyhow::Error::from).context(path)?;
        known = known.with(of_file).map_err(|twice| anyhow!("two tokens are named {twice}"))?;
    }
    if known.has(name) {
        return Err(Usage(format!("--name: {name:?} is another's")).into());
    }
    let no_random = |_| anyhow!("the system has no random bytes");
    let (line, mut told) = match scope.granted() {
        Some(scope) => {
            let token = Token::new().map_err(no_random)?;
            let told = json!({"name": name, "scope": scope.name(), "token": token.expose()});
            (token_line(name, scope, &token), told)
        }
        None => {
            let secret = SigningSecret::random().map_err(no_random)?;
            (secret_line(name, &secret), json!({"name": name, "secret": secret.expose()}))
        }
    };
    told["line"] = json!(line);
    if let Some(file) = file {
        append_line(file, &line).with_context(|| Unwritable::path(file))?;
        told["file"] = json!(file);
    }
    say(&told.to_string())
}

impl TokenScope {
    /// What a token grants; a secret is none.
    fn granted(self) -> Option<Scope> {
        match self {
            TokenScope::Public => Some(Scope::Public),
            TokenScope::Read => Some(Scope::Read),
            TokenScope::Write => Some(Scope::Write),
            TokenScope::Admin => Some(Scope::Admin),
            TokenScope::Sign => None,
        }
    }
}
