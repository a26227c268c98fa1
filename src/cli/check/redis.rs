//! Sets a key that expires, reads it, and deletes it.

use super::PATIENCE;
use crate::cli::files::check_certificates;
use crate::cli::output::say;
use crate::config::RedisConfig;
use crate::sinks::redis::{Dialer, Nodes};
use anyhow::{Context, ensure};
use redis::{Commands, SetExpiry, SetOptions};

pub(super) fn check(config: &RedisConfig) -> anyhow::Result<()> {
    check_certificates(config)?;
    let dialer = Dialer::new(&RedisConfig { timeout: PATIENCE, ..config.clone() })?;
    let told = |error: redis::RedisError| anyhow::Error::msg(dialer.trouble(&error).text);
    let mut nodes = Nodes::open(&dialer).map_err(told).context("no connection")?;
    let mut connection = nodes.home();
    say("Connected to Redis.")?;
    say("Redis client connected.")?;
    let key = connection.key(&format!("recsys:check:{}", std::process::id()));
    // By no other rights than the engine has.
    let expires = SetOptions::default().with_expiration(SetExpiry::EX(60));
    let reply: String =
        connection.set_options(&key, "Hello Redis", expires).map_err(told).context("SET failed")?;
    say(&format!("Set reply: {reply}"))?;
    let value: String = connection.get(&key).context("GET failed")?;
    say(&format!("Get reply: {value}"))?;
    let deleted: usize = connection.del(&key).context("DEL failed")?;
    ensure!(value == "Hello Redis" && deleted == 1, "the value that was set did not stay");
    drop(nodes);
    say("Redis client disconnected.")?;
    Ok(())
}
