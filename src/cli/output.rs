//! What a command prints.

use indicatif::{HumanCount, ProgressBar};
use std::io::{ErrorKind, Write, stdout};

/// Nobody reads what the command prints any more.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub(super) struct OutputClosed;

/// Prints a line. Unlike `println!` it returns an error when standard output takes no more.
pub(super) fn say(line: &str) -> anyhow::Result<()> {
    write(&[line.as_bytes(), b"\n"].concat())
}

/// Prints bytes as they are.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        Err(error) => Err(anyhow::Error::from(error).context("standard output")),
        Ok(()) => Ok(()),
    }
}

/// What was sent, and how long it took: a progress bar is seen on a terminal alone.
pub(super) fn sum(bar: &ProgressBar) -> String {
    format!("{} events sent in {:.1} s", HumanCount(bar.position()), bar.elapsed().as_secs_f64())
}
