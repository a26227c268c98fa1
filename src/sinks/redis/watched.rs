//! Replaces the value of one of the engine's own keys, unless somebody else has changed it since it was read.

use crate::sinks::redis::nodes::Home;
use redis::{Pipeline, RedisResult, Value, pipe};

/// Reads a key that is to be replaced.
pub(super) fn watch(home: &mut Home<'_>, key: &str) -> RedisResult<Option<Vec<u8>>> {
    let key = home.key(key);
    redis::cmd("WATCH").arg(&key).exec(home)?;
    redis::cmd("GET").arg(key).query(home)
}

/// Replaces a key that [`watch`] has read; without a value it is left. Returns whether it was replaced.
pub(super) fn replace(home: &mut Home<'_>, key: &str, value: Option<&String>) -> RedisResult<bool> {
    let Some(value) = value else {
        redis::cmd("UNWATCH").exec(home)?;
        return Ok(false);
    };
    let key = home.key(key);
    let done: Option<Vec<Value>> = pipe().atomic().set(key, value).query(home)?;
    Ok(done.is_some())
}

/// Deletes a key that [`watch`] has read, together with other commands.
pub(super) fn delete(home: &mut Home<'_>, mut with: Pipeline, key: &str) -> RedisResult<()> {
    let key = home.key(key);
    with.atomic().del(key).query::<Option<Vec<Value>>>(home).map(drop)
}
