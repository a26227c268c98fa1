//! What a command prints.

use std::io::Write;

/// Prints a line. Unlike `println!` it returns an error when standard output is closed.
pub(super) fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
