//! Checks the services that the command line names, and collects the failures.

use super::{kafka, redis, zookeeper};
use crate::cli::args::Service;
use crate::cli::failure::{self, Failures, Usage};
use crate::config::Config;
use anyhow::Context;

/// Checks one service, or all that the configuration names. After a failure the others are still
/// checked.
pub(in crate::cli) fn run(config: &Config, service: Service) -> anyhow::Result<()> {
    match service {
        Service::Kafka => check_kafka(config),
        Service::Redis => check_redis(config),
        Service::Zookeeper => check_zookeeper(config),
        Service::All => all(config),
    }
}

fn all(config: &Config) -> anyhow::Result<()> {
    let checks = [
        config.kafka.is_some().then(|| check_kafka(config)),
        config.redis.is_some().then(|| check_redis(config)),
        config.zookeeper.is_some().then(|| check_zookeeper(config)),
    ];
    if checks.iter().all(Option::is_none) {
        let keys = "kafka.brokers, redis.url and zookeeper.hosts";
        return Err(Usage(format!("none of {keys} is set, so there is nothing to check")).into());
    }
    let failures: Vec<_> = checks.into_iter().flatten().filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(Failures(failures).into()) }
}

fn check_kafka(config: &Config) -> anyhow::Result<()> {
    let kafka = failure::named(config.kafka.as_ref(), "kafka.brokers")?;
    kafka::check(kafka).with_context(|| format!("Kafka at {}", kafka.brokers.join(",")))
}

fn check_redis(config: &Config) -> anyhow::Result<()> {
    let redis = failure::named(config.redis.as_ref(), "redis.url")?;
    redis::check(redis).with_context(|| format!("Redis at {}", redis.shown_url()))
}

fn check_zookeeper(config: &Config) -> anyhow::Result<()> {
    let zookeeper = failure::named(config.zookeeper.as_ref(), "zookeeper.hosts")?;
    zookeeper::check(zookeeper)
        .with_context(|| format!("ZooKeeper at {}", zookeeper.hosts.join(",")))
}
