//! `recsys man`: the manual pages of all commands, from their help.

use super::failure::Unwritable;
use super::files::make_folder;
use anyhow::Context;
use clap::Command;
use std::path::Path;

/// Writes a page for each command and each of its commands, into a folder.
pub(super) fn write(command: Command, folder: &Path) -> anyhow::Result<()> {
    make_folder(folder)?;
    clap_mangen::generate_to(command, folder).with_context(|| Unwritable::path(folder))
}
