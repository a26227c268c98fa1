//! Who may do what: the tokens of programs, the keys that a shop's server mints for browsers, and the file of both.
//!
//! A [`Keyring`] holds what is known of them, [`Keys`] is the one in force, which changes with its file.

mod right;
mod token;
mod visitor;
mod keyring;
mod watched;
mod secret_file;
mod keys;
mod append;

pub use append::append_line;
pub use keyring::{Identity, Keyring, KeyringError, secret_line, token_line};
pub use keys::{Keys, KeysError};
pub use right::{Right, Scope};
pub use secret_file::{SecretFault, SecretFile, SecretFileError};
pub use token::{Token, is_name};
pub use visitor::{SigningSecret, VisitorClaims};
pub use watched::WatchedFile;
