//! Runs the engine on its embedded default, with visitors.

use super::args::DemoArgs;
use crate::config::Config;

pub(super) fn run(_config: &Config, _args: &DemoArgs) -> anyhow::Result<()> {
    anyhow::bail!("the engine is not built in yet")
}
