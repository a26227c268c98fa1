//! `recsys health`: asks the process that has this configuration, as the check of its container does.

use super::args::HealthArgs;
use super::output::say;
use super::running_process::get;
use crate::config::Config;

pub(super) fn run(config: &Config, args: &HealthArgs) -> anyhow::Result<()> {
    say(&get(config, if args.ready { "/readyz" } else { "/healthz" })?)
}
