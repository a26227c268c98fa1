//! Opens the sinks of a process's workers.

use crate::config::RedisConfig;
use crate::engine::UnattachedSink;
use crate::engine::question::Asker;
use crate::holder::Holder;
use crate::metrics::SinkMetrics;
use crate::service_health::ServiceHealth;
use crate::sinks::redis::connection::Connection;
use crate::sinks::redis::dialer::Dialer;
use crate::sinks::redis::keeper::{Keeper, KeeperState, claimant};
use crate::sinks::redis::lease::{HeldByAnother, Lease};
use crate::sinks::redis::mark::Marks;
use crate::sinks::redis::scan::Scan;
use crate::sinks::redis::share::Share;
use crate::sinks::redis::sink::RedisOutput;
use std::ops::Range;

/// The Redis sink could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file of certificates cannot be used, or a thread can't be started.
    #[error("the Redis sink could not be started: {0}")]
    Start(#[from] redis::RedisError),
    /// Redis is another engine's.
    #[error(transparent)]
    Held(#[from] HeldByAnother),
}

/// The process that opens sinks, among those of its engine.
pub struct Tenant {
    /// A number that the processes of this run share, and no other run has.
    pub run: u64,
    /// Who this process is.
    pub holder: Holder,
    /// The number of processes.
    pub processes: usize,
    /// The indices of this process's workers, and the number of all.
    pub workers: Range<usize>,
    /// As above.
    pub peers: usize,
    /// Whether another engine that is alive loses Redis to this one.
    pub takes_over: bool,
    /// Asks the workers how far their sinks are.
    pub asker: Asker,
}

/// Opens one sink for each worker, once Redis is known to be this engine's, or not to answer now. Tells `waits`
/// meanwhile what it waits for.
///
/// The sinks connect, and connect again, by themselves: Redis may be away. They tell `health` what is wrong, and write
/// nothing without `lease`.
///
/// # Errors
/// When another engine holds Redis, a file of certificates cannot be used, or a thread can't be started.
pub fn open(
    config: &RedisConfig,
    lease: &Lease,
    tenant: Tenant,
    (metrics, health): (&SinkMetrics, &ServiceHealth),
    waits: &dyn Fn(&str),
) -> Result<Vec<Box<dyn UnattachedSink>>, OpenError> {
    let RedisConfig { slice, pipeline_bytes, compared_per_second, lease: lasts, .. } = *config;
    let dialer = Dialer::new(config)?;
    let Tenant { run, holder, processes, workers, peers, takes_over, asker } = tenant;
    let (mut sinks, mut statuses) = (Vec::<Box<dyn UnattachedSink>>::new(), Vec::new());
    for worker in workers.clone() {
        let metrics = metrics.worker(worker);
        let of_worker = (metrics.clone(), health.clone());
        let connection = Connection::open(config, (&dialer, lease), worker, of_worker)?;
        statuses.push(connection.status());
        let share = Share { worker, peers };
        let output =
            RedisOutput { connection, share, slice, pipeline_bytes, metrics, compared_per_second };
        sinks.push(Box::new(output));
    }
    let (process, claimant) = (holder.process, claimant(run, holder, processes, takes_over));
    let keeper = Keeper {
        dialer,
        lasts,
        lease: lease.clone(),
        process,
        health: health.clone(),
        metrics: metrics.worker(workers.start),
        marks: Marks::new(asker, claimant.run.clone()),
        scan: Scan::new(compared_per_second, statuses, workers.start, peers),
        claimant,
        state: KeeperState::default(),
    };
    let thread = std::thread::Builder::new().name("redis-keeper".into());
    thread.spawn(move || keeper.run()).map_err(redis::RedisError::from)?;
    lease.await_first(waits);
    match lease.loss() {
        Some(held) => Err(held.into()),
        None => Ok(sinks),
    }
}
