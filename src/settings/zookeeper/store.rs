//! The settings store on a ZooKeeper session.

use super::PATIENCE;
use super::session::{self, Shared};
use crate::config;
use crate::event::log::BoxFuture;
use crate::settings::{Store, StoreError, check};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use zookeeper::{Client, Error, Stat};

/// What tells one state of a node from another; none is no node.
type Stamp = Option<(i64, i64)>;

/// Settings in ZooKeeper. It reconnects for as long as it lives.
pub struct ZooKeeperStore {
    runtime: Handle,
    pub(super) shared: Arc<Shared>,
    poll: Duration,
    /// What each node was when it was last read.
    seen: Arc<Mutex<HashMap<String, Stamp>>>,
    keeper: JoinHandle<()>,
}

impl ZooKeeperStore {
    /// Begins to connect, and returns at once. All its work is done on the runtime.
    pub fn new(config: &config::ZooKeeperConfig, runtime: Handle) -> ZooKeeperStore {
        let shared = Arc::new(Shared::new(config));
        let keeper = runtime.spawn(session::keep(shared.clone()));
        ZooKeeperStore { runtime, shared, poll: config.poll, seen: Arc::default(), keeper }
    }

    /// Enters this process under [`MEMBERS`](super::MEMBERS), for as long as its session lives, and in each session
    /// that follows. A later call with the same id replaces the data.
    pub fn register(&self, id: &str, data: Vec<u8>) {
        self.shared.enter(id, data);
    }

    /// Does something with a session: on the runtime, since the caller may be on none, and in
    /// bounded time.
    fn operate<T, F>(
        &self,
        path: &str,
        operation: impl FnOnce(Client, String) -> F + Send + 'static,
    ) -> BoxFuture<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        if let Err(rule) = check(path) {
            let path = path.to_owned();
            return Box::pin(async move { Err(StoreError::BadPath { path, rule }) });
        }
        let (shared, path) = (self.shared.clone(), path.to_owned());
        let task = self.runtime.spawn(async move {
            let client = shared.client().await?;
            match tokio::time::timeout(PATIENCE, operation(client, path)).await {
                Ok(done) => done.map_err(store_error),
                Err(_) => Err(StoreError::Unavailable(format!("no answer in {PATIENCE:?}"))),
            }
        });
        Box::pin(async move {
            task.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
        })
    }
}

impl Drop for ZooKeeperStore {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Store for ZooKeeperStore {
    fn get(&self, path: &str) -> BoxFuture<Result<Option<Vec<u8>>, StoreError>> {
        let seen = self.seen.clone();
        self.operate(path, |client, path| async move {
            let read = match client.get_data(&path).await {
                Ok(read) => Ok(Some(read)),
                Err(Error::NoNode) => Ok(None),
                Err(error) => Err(error),
            };
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            match &read {
                Ok(read) => seen.insert(path, read.as_ref().map(|(_, stat)| stamp(stat))),
                // What can't be read must not look changed for ever.
                Err(_) => seen.remove(&path),
            };
            Ok(read?.map(|(value, _)| value))
        })
    }

    fn put(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
        let options = self.shared.options();
        self.operate(path, move |client, path| async move {
            loop {
                match client.set_data(&path, &value, None).await {
                    Ok(_) => return Ok(()),
                    Err(Error::NoNode) => {}
                    Err(error) => return Err(error),
                }
                match session::create(&client, &path, &value, &options).await {
                    // Someone else was faster; the value is still to be set.
                    Err(Error::NodeExists) => {}
                    done => return done,
                }
            }
        })
    }

    fn create(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
        let options = self.shared.options();
        self.operate(path, move |client, path| async move {
            match session::create(&client, &path, &value, &options).await {
                Err(Error::NodeExists) => Ok(()),
                done => done,
            }
        })
    }

    /// Ends the session, so that nobody has to wait for it to expire.
    fn leave(&self) -> BoxFuture<()> {
        self.keeper.abort();
        let shared = self.shared.clone();
        let leaving = self.runtime.spawn(async move {
            // What can't be taken away vanishes with the session.
            let _ = tokio::time::timeout(PATIENCE, shared.leave()).await;
        });
        Box::pin(async move {
            // It can only fail with its runtime, and the session ends with that as well.
            let _ = leaving.await;
        })
    }

    fn changed(&self, path: &str) -> BoxFuture<()> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        let (shared, path, poll) = (self.shared.clone(), path.to_owned(), self.poll);
        let task = self.runtime.spawn(async move {
            // Subscribed first, so that a reconnection while the watch is made counts.
            let mut connections = shared.connections();
            let watched = async {
                let client = shared.client().await.ok()?;
                let (stat, watcher) = client.check_and_watch_stat(&path).await.ok()?;
                let now = stat.as_ref().map(stamp);
                if seen.is_none_or(|seen| seen == now) {
                    watcher.changed().await;
                }
                Some(())
            };
            tokio::select! {
                Some(()) = watched => {}
                Ok(()) = connections.changed() => {}
                () = tokio::time::sleep(poll) => {}
            }
        });
        Box::pin(async move {
            // It can only fail with its runtime, and then nobody waits any more.
            let _ = task.await;
        })
    }
}

/// The last write's transaction, and when it was: an ensemble that lost its data counts anew.
fn stamp(stat: &Stat) -> (i64, i64) {
    (stat.mzxid, stat.mtime)
}

/// What is about the connection may pass; the rest is an answer.
fn store_error(error: Error) -> StoreError {
    match error {
        Error::NoAuth
        | Error::InvalidAcl
        | Error::QuotaExceeded
        | Error::NoChildrenForEphemerals
        | Error::NoNode
        | Error::NotReadOnly
        | Error::BadArguments(_) => StoreError::Refused(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}
