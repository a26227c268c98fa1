//! Errors as they end: one text on standard error, and an exit code.

use crate::config::ConfigError;
use crate::settings::StoreError;
use std::process::ExitCode;

/// The exit code of a command line or a configuration that can't be: `EX_USAGE` of `sysexits.h`.
pub(super) const USAGE: u8 = 64;
/// The exit code of everything else that went wrong.
const FAILED: u8 = 1;

/// The command line asks for what can't be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Tells an error with its causes.
#[allow(clippy::print_stderr, reason = "this is where errors end")]
pub(super) fn tell(error: &anyhow::Error) -> ExitCode {
    for line in text(error).lines() {
        eprintln!("recsys: {line}");
    }
    code(error).into()
}

/// An error and its causes; some libraries tell the cause themselves, and it is not said twice.
pub(super) fn text(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |told, cause| {
        let cause = cause.to_string();
        match told.is_empty() {
            true => cause,
            false if told.contains(&cause) => told,
            false => format!("{told}: {cause}"),
        }
    })
}

pub(super) fn code(error: &anyhow::Error) -> u8 {
    let bad_path = |error: &StoreError| matches!(error, StoreError::BadPath { .. });
    let usage = error.is::<Usage>()
        || error.is::<ConfigError>()
        || error.downcast_ref::<StoreError>().is_some_and(bad_path);
    if usage { USAGE } else { FAILED }
}

/// A service that a command needs, or the setting that would name it.
pub(super) fn named<'a, T>(service: Option<&'a T>, key: &str) -> Result<&'a T, Usage> {
    service.ok_or_else(|| Usage(format!("{key} is not set, and without it there is none to ask")))
}
