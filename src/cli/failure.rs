//! Prints the error that ends a command, and chooses the exit code.

use super::exit_code::{
    DATA, DONE, FAILED, HELD, INTERRUPTED, PEER_LOST, UNREADABLE, UNWRITABLE, USAGE,
};
use crate::access::{KeyringError, KeysError};
use crate::cluster::Loss;
use crate::config::ConfigError;
use crate::http::{DoorsError, TlsError};
use crate::receipt::ReceiptError;
use crate::settings::StoreError;
use crate::sinks::redis::HeldByAnother;
use offline::read::ReadError;
use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// Nobody reads what the command prints any more.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub(super) struct OutputClosed;

/// The command was interrupted before it had done its work.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; {0}")]
pub(super) struct Interrupted(pub(super) String);

/// The command line is bad.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// A file that is needed can't be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {0}")]
pub(super) struct Unreadable(pub(super) String);

/// Something can't be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {0}")]
pub(super) struct Unwritable(pub(super) String);

impl Unwritable {
    pub(super) fn path(path: &Path) -> Unwritable {
        Unwritable(path.display().to_string())
    }
}

/// Another process of the cluster is lost, without which this one cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}; the whole cluster must start again")]
pub(super) struct PeerLost(pub(super) Loss);

/// The log has told the error, in the form that its readers understand.
#[derive(Debug, thiserror::Error)]
#[error("the process has failed")]
pub(super) struct Logged;

/// Checkpoints are not what was written.
#[derive(Debug, thiserror::Error)]
#[error("{damaged} of the manifests in {url} cannot be used, as said above")]
pub(super) struct Damaged {
    pub(super) damaged: usize,
    pub(super) url: String,
}

/// Several failures, which have one code if each has it.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(text).collect::<Vec<_>>().join("\n"))]
pub(super) struct Failures(pub(super) Vec<anyhow::Error>);

/// Prints an error with its causes. Returns the exit code. A reader of the output that has gone has had
/// enough, which is no error.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<OutputClosed>() {
        return DONE.into();
    }
    let lines = if error.is::<Logged>() { String::new() } else { text(error) };
    for line in lines.lines() {
        // Standard error may be closed or full as well: then the exit code is all there is.
        let _ = writeln!(std::io::stderr(), "recsys: {}", cut(line));
    }
    code(error).into()
}

/// Prints what is wrong with the command line, which repeats what was typed. Returns the exit code.
pub(super) fn report_usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    match text.lines().any(|line| matches!(cut(line), Cow::Owned(_))) {
        // It has its colours.
        false => drop(error.print()),
        true => text.lines().for_each(|line| drop(writeln!(std::io::stderr(), "{}", cut(line)))),
    }
    USAGE.into()
}

/// Returns the beginning of a line that nobody would read whole, with its length.
fn cut(line: &str) -> Cow<'_, str> {
    const MOST: usize = 1_000;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… ({} bytes)", &line[..end], line.len()).into(),
        None => line.into(),
    }
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
    if let Some(Failures(failures)) = error.downcast_ref() {
        let mut codes = failures.iter().map(code);
        let first = codes.next().unwrap_or(FAILED);
        return if codes.all(|code| code == first) { first } else { FAILED };
    }
    let of_config = |error: &ConfigError| match error {
        ConfigError::Unreadable { .. } => UNREADABLE,
        _ => USAGE,
    };
    let of_read = |error: &ReadError| match error {
        // Such as what is not as its compression has it.
        ReadError::Io { source, .. } if source.kind() == ErrorKind::InvalidData => DATA,
        ReadError::Io { .. } => UNREADABLE,
        ReadError::Empty { .. } | ReadError::Format { .. } => DATA,
    };
    let of_receipt = |error: &ReceiptError| match error {
        ReceiptError::Forged => FAILED,
        _ => DATA,
    };
    let of_checkpoint = |error: &checkpoints::Error| match error {
        checkpoints::Error::Url { .. } => USAGE,
        checkpoints::Error::Refused(_) => DATA,
        _ => FAILED,
    };
    let of_keys = |error: &KeysError| match error {
        KeysError::Unreadable { .. } => UNREADABLE,
        KeysError::Bad { .. } | KeysError::Twice { .. } => DATA,
    };
    let of_doors = |error: &DoorsError| match error {
        DoorsError::Keys(error) => of_keys(error),
        DoorsError::Tls(TlsError::Unreadable { .. }) => UNREADABLE,
        DoorsError::Tls(_) => DATA,
    };
    let of_store = |error: &StoreError| match error {
        StoreError::BadPath { .. } => USAGE,
        _ => FAILED,
    };
    let is = [
        (error.is::<Interrupted>(), INTERRUPTED),
        (error.is::<Usage>(), USAGE),
        (error.is::<Unreadable>(), UNREADABLE),
        (error.is::<Unwritable>(), UNWRITABLE),
        (error.is::<PeerLost>(), PEER_LOST),
        (error.is::<Damaged>(), DATA),
        (error.is::<HeldByAnother>(), HELD),
    ];
    let own = is.into_iter().find_map(|(is, code)| is.then_some(code));
    own.or_else(|| error.downcast_ref().map(of_config))
        .or_else(|| error.downcast_ref().map(of_read))
        .or_else(|| error.downcast_ref().map(of_receipt))
        .or_else(|| error.downcast_ref().map(of_checkpoint))
        .or_else(|| error.downcast_ref().map(of_store))
        .or_else(|| error.downcast_ref().map(of_doors))
        .or_else(|| error.downcast_ref().map(|_: &KeyringError| DATA))
        .unwrap_or(FAILED)
}

/// Returns the service that a command needs, or an error with the setting that names it.
pub(super) fn named<'a, T>(service: Option<&'a T>, key: &str) -> Result<&'a T, Usage> {
    service.ok_or_else(|| Usage(format!("{key} is not set, and without it there is none to ask")))
}
