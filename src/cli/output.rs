//! What a command prints.

use std::io::Write;

/// Prints a line of the command's own output. Unlike `println!` it fails when nobody reads on.
pub(super) fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
