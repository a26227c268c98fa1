//! What a command prints.

use super::failure::{OutputClosed, Unwritable};
use anyhow::Context;
use indicatif::{HumanCount, ProgressBar};
use std::io::{self, ErrorKind, Write, stdout};

/// Prints a line. Unlike `println!` it returns an error when standard output takes no more.
pub(super) fn say(line: &str) -> anyhow::Result<()> {
    write(&[line.as_bytes(), b"\n"].concat())
}

/// Prints bytes as they are.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Tells whether standard output has taken what was printed.
pub(super) fn written(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        result => result.with_context(|| Unwritable("standard output".into())),
    }
}

/// What was sent, and how long it took: a progress bar is seen on a terminal alone.
pub(super) fn sum(bar: &ProgressBar) -> String {
    format!("{} events sent in {:.1} s", HumanCount(bar.position()), bar.elapsed().as_secs_f64())
}
