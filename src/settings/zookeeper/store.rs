//! A settings store in ZooKeeper.

use super::membership::Membership;
use super::session::{self, Shared};
use super::{MEMBERS, PATIENCE};
use crate::config;
use crate::future::BoxFuture;
use crate::holder::Holder;
use crate::service_health::ServiceHealth;
use crate::settings::{Store, StoreError, check};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use zookeeper::{Client, Error, Stat};

/// Tells one state of a node from another; `None` is no node.
type Stamp = Option<(i64, i64)>;

/// Settings in ZooKeeper. It keeps a session, and makes a new one when that is lost.
pub struct ZooKeeperStore {
    runtime: Handle,
    pub(super) shared: Arc<Shared>,
    poll: Duration,
    /// The state of each node when it was last read.
    seen: Arc<Mutex<HashMap<String, Stamp>>>,
    keeper: JoinHandle<()>,
}

impl ZooKeeperStore {
    /// Starts to connect in the background and returns at once. All work is done on the runtime.
    /// It tells `health` when this process can't be registered.
    pub fn new(
        config: &config::ZooKeeperConfig,
        runtime: Handle,
        health: ServiceHealth,
    ) -> ZooKeeperStore {
        let shared = Arc::new(Shared::new(config, health));
        let keeper = runtime.spawn(session::keep(shared.clone()));
        ZooKeeperStore { runtime, shared, poll: config.poll, seen: Arc::default(), keeper }
    }

    /// Registers this process under [`MEMBERS`](super::MEMBERS), in the present session and in each
    /// that follows. A later call with the same id replaces the data.
    pub fn register(&self, id: &str, holder: &Holder) {
        let data = serde_json::to_vec(holder).expect("it has a JSON");
        self.shared.register(id, data);
    }

    /// Returns how this process stands as a member.
    pub fn membership(&self) -> Membership {
        self.shared.members.membership()
    }

    /// Runs an operation with the session, in bounded time, on the runtime: the caller may be on
    /// none.
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
                Ok(done) => done.map_err(|error| shared.store_error(&error)),
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
                // Forgotten: else a node that cannot be read would look changed for ever.
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
                    // Someone else has created it; the value is still to be set.
                    Err(Error::NodeExists) => {}
                    done => return done,
                }
            }
        })
    }

    fn replace(
        &self,
        path: &str,
        held: Vec<u8>,
        value: Vec<u8>,
    ) -> BoxFuture<Result<bool, StoreError>> {
        self.operate(path, move |client, path| async move {
            let stat = match client.get_data(&path).await {
                Ok((now, stat)) if now == held => stat,
                Ok(_) | Err(Error::NoNode) => return Ok(false),
                Err(error) => return Err(error),
            };
            match client.set_data(&path, &value, Some(stat.version)).await {
                Ok(_) => Ok(true),
                Err(Error::BadVersion | Error::NoNode) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn delete(&self, path: &str) -> BoxFuture<Result<bool, StoreError>> {
        self.operate(path, |client, path| async move {
            match client.delete(&path, None).await {
                Ok(()) => Ok(true),
                Err(Error::NoNode) => Ok(false),
                Err(error) => Err(error),
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

    fn members(&self) -> BoxFuture<Option<Vec<Holder>>> {
        let members = self.operate(MEMBERS, |client, path| async move {
            let names = match client.list_children(&path).await {
                Err(Error::NoNode) => Vec::new(),
                names => names?,
            };
            let mut members = Vec::new();
            for name in names {
                match client.get_data(&format!("{path}/{name}")).await {
                    // What is no member's is left alone here as everywhere.
                    Ok((data, _)) => members.extend(serde_json::from_slice::<Holder>(&data).ok()),
                    // It has left since.
                    Err(Error::NoNode) => {}
                    Err(error) => return Err(error),
                }
            }
            members.sort_by_key(|member| member.process);
            Ok(members)
        });
        Box::pin(async move { members.await.ok() })
    }

    /// Ends the session, so that nobody waits for it to expire.
    fn leave(&self) -> BoxFuture<()> {
        self.keeper.abort();
        let shared = self.shared.clone();
        let leaving = self.runtime.spawn(async move {
            // Members that cannot be removed go when the session expires.
            let _ = tokio::time::timeout(PATIENCE, shared.leave()).await;
        });
        Box::pin(async move {
            // It fails only when the runtime ends, and that ends the session as well.
            let _ = leaving.await;
        })
    }

    fn changed(&self, path: &str) -> BoxFuture<()> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        let (shared, path, poll) = (self.shared.clone(), path.to_owned(), self.poll);
        let task = self.runtime.spawn(async move {
            // Subscribed first, so that a reconnection while the watch is set counts.
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
            // It fails only when the runtime ends, and then nobody waits.
            let _ = task.await;
        })
    }
}

/// The last write's transaction and its time, as an ensemble that lost its data counts transactions
/// from the beginning.
fn stamp(stat: &Stat) -> (i64, i64) {
    (stat.mzxid, stat.mtime)
}
