//! `recsys redis check`: has a running engine hold what Redis has to its state, and prints what differs.

use super::args::RedisAction;
use super::failure::named;
use super::files::check_certificates;
use super::output::say;
use crate::config::Config;
use crate::sinks::redis::{Dialer, Nodes, Report, Unanswered, ask};
use anyhow::{Context, bail};

pub(super) fn run(config: &Config, action: &RedisAction) -> anyhow::Result<()> {
    let RedisAction::Check { repair } = action;
    let redis = named(config.redis.as_ref(), "redis.url")?;
    check_certificates(redis)?;
    let at = || format!("Redis at {}", redis.shown_url());
    let dialer = Dialer::new(redis)?;
    let told = |error: redis::RedisError| anyhow::Error::msg(dialer.trouble(&error).text);
    let mut nodes = Nodes::open(&dialer).map_err(told).with_context(at)?;
    let report = ask(&mut nodes.home(), *repair).map_err(|error| match error {
        Unanswered::Redis(error) => told(error),
        error => error.into(),
    });
    tell(&report.with_context(at)?, *repair)
}

fn tell(report: &Report, repair: bool) -> anyhow::Result<()> {
    let Report { compared, missing, wrong, foreign, examples, failure } = report;
    for difference in examples {
        say(&difference.to_string())?;
    }
    let (told, all) = (examples.len() as u64, report.differing());
    if told < all {
        say(&format!("… and {} more", all - told))?;
    }
    let sums = format!("{missing} missing, {wrong} wrong, {foreign} foreign");
    say(&format!("{compared} profiles compared: {sums}"))?;
    if let Some(failure) = failure {
        bail!("not all could be compared: {failure}");
    }
    match (all, repair) {
        (0, _) => Ok(()),
        (_, true) => say("all of it is mended"),
        (_, false) => bail!("Redis differs from the state at {all} keys; --repair mends them"),
    }
}
