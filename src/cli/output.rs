//! What a command prints.

use super::failure::{OutputClosed, Unwritable};
use anyhow::Context;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::io::{self, ErrorKind, Write, stdout};
use std::time::Duration;

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

/// Does what takes a while; a terminal shows meanwhile what it is, and for how long.
pub(super) fn waiting<T>(what: &'static str, does: impl FnOnce() -> T) -> T {
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    let style = style.expect("the template is a good one");
    let bar = ProgressBar::new_spinner().with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(100));
    let done = does();
    bar.finish_and_clear();
    done
}

/// What was sent, and how long it took: a progress bar is seen on a terminal alone.
pub(super) fn sum(bar: &ProgressBar) -> String {
    format!("{} events sent in {:.1} s", HumanCount(bar.position()), bar.elapsed().as_secs_f64())
}
