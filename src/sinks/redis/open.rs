//! Opens the sinks of a process's workers.

use crate::config::RedisConfig;
use crate::engine::UnattachedSink;
use crate::metrics::SinkMetrics;
use crate::service_health::ServiceHealth;
use crate::sinks::redis::client::client;
use crate::sinks::redis::connection::Connection;
use crate::sinks::redis::sink::RedisOutput;
use redis::RedisResult;
use std::ops::Range;

/// The Redis sink could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the Redis sink could not be started")]
pub struct OpenError(#[from] redis::RedisError);

/// Opens one sink for each worker. No worker of this run may have written before.
///
/// The sinks connect, and connect again, by themselves: Redis may be away. They tell `health` what is wrong.
///
/// # Errors
/// When a file of certificates cannot be used, or a thread can't be started.
pub fn open(
    config: &RedisConfig,
    workers: Range<usize>,
    metrics: &SinkMetrics,
    health: &ServiceHealth,
) -> Result<Vec<Box<dyn UnattachedSink>>, OpenError> {
    let is_blank = is_blank(config);
    let open = |worker| {
        let metrics = metrics.worker(worker);
        let connection = Connection::open(config, worker, metrics.clone(), health.clone())?;
        let RedisConfig { slice, pipeline_bytes, .. } = *config;
        let output = RedisOutput { connection, slice, pipeline_bytes, metrics, is_blank };
        Ok(Box::new(output) as Box<dyn UnattachedSink>)
    };
    workers.map(open).collect()
}

/// True when Redis is known to hold nothing. One that does not answer may hold anything.
fn is_blank(config: &RedisConfig) -> bool {
    let keys = || -> RedisResult<u64> {
        let mut connection = client(config)?.get_connection_with_timeout(config.timeout)?;
        connection.set_read_timeout(Some(config.timeout))?;
        redis::cmd("DBSIZE").query(&mut connection)
    };
    keys().is_ok_and(|keys| keys == 0)
}
