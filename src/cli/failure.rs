//! Prints the error that ends a command, and chooses the exit code.

use super::output::OutputClosed;
use crate::config::ConfigError;
use crate::settings::StoreError;
use std::io::Write;
use std::process::ExitCode;

/// The exit code for a bad command line or configuration: `EX_USAGE` of `sysexits.h`.
pub(super) const USAGE: u8 = 64;
/// The exit code for any other failure.
const FAILED: u8 = 1;

/// The exit code after an interrupt: 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

/// The command was interrupted before it had done its work.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; {0}")]
pub(super) struct Interrupted(pub(super) String);

/// The command line is bad.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Prints an error with its causes. Returns the exit code. A reader of the output that has gone has had
/// enough, which is no error.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<OutputClosed>() {
        return ExitCode::SUCCESS;
    }
    for line in text(error).lines() {
        // Standard error may be closed or full as well: then the exit code is all there is.
        let _ = writeln!(std::io::stderr(), "recsys: {line}");
    }
    code(error).into()
}

/// Joins an error and its causes. A cause that an error's own text has is not repeated.
pub(super) fn text(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        match text.is_empty() {
            true => cause,
            false if text.contains(&cause) => text,
            false => format!("{text}: {cause}"),
        }
    })
}

pub(super) fn code(error: &anyhow::Error) -> u8 {
    let bad_path = |error: &StoreError| matches!(error, StoreError::BadPath { .. });
    let usage = error.is::<Usage>()
        || error.is::<ConfigError>()
        || error.downcast_ref::<StoreError>().is_some_and(bad_path);
    match error.is::<Interrupted>() {
        true => INTERRUPTED,
        false if usage => USAGE,
        false => FAILED,
    }
}

/// Returns the service that a command needs, or an error with the setting that names it.
pub(super) fn named<'a, T>(service: Option<&'a T>, key: &str) -> Result<&'a T, Usage> {
    service.ok_or_else(|| Usage(format!("{key} is not set, and without it there is none to ask")))
}
