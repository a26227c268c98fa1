//! Replaces the value of one key, unless somebody else has changed it since it was read.

use redis::{Connection, Pipeline, RedisResult, Value, pipe};

/// Reads a key that is to be replaced.
pub(super) fn watch(connection: &mut Connection, key: &str) -> RedisResult<Option<Vec<u8>>> {
    redis::cmd("WATCH").arg(key).exec(connection)?;
    redis::cmd("GET").arg(key).query(connection)
}

/// Replaces a key that [`watch`] has read; without a value it is left. Returns whether it was replaced.
pub(super) fn replace(
    connection: &mut Connection,
    key: &str,
    value: Option<&String>,
) -> RedisResult<bool> {
    let Some(value) = value else {
        redis::cmd("UNWATCH").exec(connection)?;
        return Ok(false);
    };
    let done: Option<Vec<Value>> = pipe().atomic().set(key, value).query(connection)?;
    Ok(done.is_some())
}

/// Deletes a key that [`watch`] has read, together with other commands.
pub(super) fn delete(
    connection: &mut Connection,
    mut with: Pipeline,
    key: &str,
) -> RedisResult<()> {
    with.atomic().del(key).query::<Option<Vec<Value>>>(connection).map(drop)
}
