//! Makes the connections to Redis, each with the login and the certificates that their files hold by then, and knows
//! which nodes there are: the server of the URL, the master that the sentinels name, or those of a cluster.
//!
//! All connections of a process go to the same nodes: which these are its keeper finds out, and the workers follow. So
//! what a worker has had acknowledged, and what the keeper says of it, is of the same Redis.

use crate::config::RedisConfig;
use crate::sinks::redis::client::{Server, address, client, connection};
use crate::sinks::redis::cluster::Cluster;
use crate::sinks::redis::sentinel::Sentinels;
use crate::sinks::redis::topology::Topology;
use crate::sinks::redis::trouble::{Place, Trouble, trouble};
use redis::{Connection, ConnectionAddr, IntoConnectionInfo, RedisError, RedisResult, Value};
use std::io::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a node counts as one that a slot is being moved to, since a node has said so last.
const MOVING: Duration = Duration::from_secs(60);

/// Makes connections to Redis. Clones share what is known of its nodes.
#[derive(Clone)]
pub struct Dialer(Arc<Shared>);

struct Shared {
    config: RedisConfig,
    guide: Guide,
    /// The nodes that workers write to, once they are known.
    topology: Mutex<Option<Arc<Topology>>>,
    /// True while it is doubted that they are still those of the cluster.
    is_doubted: AtomicBool,
    /// Nodes that slots are being moved to, each with when that was heard last.
    movers: Mutex<Vec<(Server, Instant)>>,
    /// The node at which something has gone wrong last.
    failed: Mutex<Option<Server>>,
}

/// Who tells which nodes there are.
enum Guide {
    Url,
    Sentinels(Mutex<Sentinels>),
    Cluster(Mutex<Cluster>),
}

impl Dialer {
    /// Makes a dialer, which connects later.
    ///
    /// # Errors
    /// When a file of certificates or of the password cannot be read, or holds none.
    pub fn new(config: &RedisConfig) -> RedisResult<Dialer> {
        // An error means that there is a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        client(config, None)?;
        let guide = match &config.sentinels {
            Some(sentinels) => Guide::Sentinels(Mutex::new(Sentinels::new(sentinels.clone()))),
            None if config.cluster.is_empty() => Guide::Url,
            None => Guide::Cluster(Mutex::new(Cluster::new(&config.cluster))),
        };
        let known = matches!(guide, Guide::Url).then(|| Arc::new(Topology::one(None)));
        Ok(Dialer(Arc::new(Shared {
            config: config.clone(),
            guide,
            topology: Mutex::new(known),
            is_doubted: AtomicBool::new(false),
            movers: Mutex::default(),
            failed: Mutex::default(),
        })))
    }

    /// Asks which nodes there are, if that is to be asked. Workers go on with those that they know.
    ///
    /// # Errors
    /// When nobody tells.
    pub(super) fn find(&self) -> RedisResult<Arc<Topology>> {
        let Shared { config, guide, .. } = &*self.0;
        let found = match guide {
            Guide::Url => Topology::one(None),
            Guide::Sentinels(sentinels) => {
                Topology::one(Some(lock(sentinels).master(config).map_err(Error::other)?))
            }
            Guide::Cluster(cluster) => {
                let mut cluster = lock(cluster);
                if self.0.is_doubted.swap(false, Ordering::AcqRel) {
                    cluster.turn_away();
                }
                let found = cluster.topology(config).map_err(Error::other)?;
                found.with_movers(self.movers())
            }
        };
        let known = lock(&self.0.topology).clone();
        Ok(known.filter(|known| **known == found).unwrap_or_else(|| Arc::new(found)))
    }

    /// Has workers write to these nodes from now on.
    pub(super) fn publish(&self, topology: &Arc<Topology>) {
        let before = lock(&self.0.topology).replace(topology.clone());
        let Some(before) = before.filter(|before| !Arc::ptr_eq(before, topology)) else { return };
        let masters = |topology: &Topology| -> Vec<Option<Server>> {
            topology.nodes().take(topology.masters()).cloned().collect()
        };
        let (was, is) = (masters(&before), masters(topology));
        match &is[..] {
            _ if was == is => tracing::info!("slots of the Redis Cluster have been moved"),
            [Some((host, port))] if !topology.is_cluster() => {
                tracing::warn!(host, port, "another Redis is the master now");
            }
            _ => {
                let name =
                    |it: &Option<Server>| it.as_ref().map(|(host, port)| format!("{host}:{port}"));
                let masters: Vec<String> = is.iter().filter_map(name).collect();
                let masters = masters.join(",");
                tracing::warn!(masters, "other nodes are the masters of the Redis Cluster now");
            }
        }
    }

    /// The nodes that are written to.
    ///
    /// # Errors
    /// When it is not known yet which these are.
    pub(super) fn topology(&self) -> RedisResult<Arc<Topology>> {
        lock(&self.0.topology).clone().ok_or_else(|| {
            let who = match self.0.guide {
                Guide::Cluster(_) => "the nodes of the cluster have yet to tell who has its slots",
                _ => "the sentinels have yet to tell which Redis is the master",
            };
            Error::other(who).into()
        })
    }

    /// Whether the nodes should be found again soon.
    pub(super) fn is_doubted(&self) -> bool {
        self.0.is_doubted.load(Ordering::Acquire)
    }

    /// Notes what has gone wrong at a node: the cluster may have changed.
    pub(super) fn doubt(&self, node: &Option<Server>, error: &RedisError) {
        let is_elsewhere = matches!(
            error.code(),
            None | Some("MOVED" | "CLUSTERDOWN" | "READONLY" | "MASTERDOWN")
        );
        if is_elsewhere && matches!(self.0.guide, Guide::Cluster(_)) {
            lock(&self.0.failed).clone_from(node);
            self.0.is_doubted.store(true, Ordering::Release);
        }
    }

    /// Notes a node that a slot is being moved to, which is to be written to as well.
    pub(super) fn add_mover(&self, mover: Server) {
        let mut movers = lock(&self.0.movers);
        movers.retain(|(known, _)| *known != mover);
        movers.push((mover, Instant::now()));
        self.0.is_doubted.store(true, Ordering::Release);
    }

    fn movers(&self) -> Vec<Server> {
        let mut movers = lock(&self.0.movers);
        movers.retain(|(_, heard)| heard.elapsed() < MOVING);
        movers.iter().map(|(mover, _)| mover.clone()).collect()
    }

    /// Connects to a node, which is the server of the URL if it has no name.
    ///
    /// # Errors
    /// When it does not answer in time, refuses the login, or is no master although a sentinel names it as one.
    pub(super) fn connect(&self, node: &Option<Server>) -> RedisResult<Connection> {
        let Shared { config, guide, .. } = &*self.0;
        let connect = || connection(&client(config, node.as_ref())?, config.timeout);
        let mut connection = connect().inspect_err(|error| self.doubt(node, error))?;
        if let (Guide::Sentinels(_), Some((host, port))) = (guide, node) {
            must_be_master(&mut connection, host, *port)?;
        }
        Ok(connection)
    }

    /// Says what is wrong with Redis, given the error that a connection has met. It may ask the server, for a second or
    /// two.
    pub fn trouble(&self, error: &RedisError) -> Trouble {
        let failed = lock(&self.0.failed).clone();
        let trouble = trouble(&Place::redis(&self.0.config, self.address(failed.as_ref())), error);
        match failed {
            Some((host, port)) if error.code().is_none() && trouble.kind == "connection" => {
                Trouble { text: format!("{host}:{port}: {}", trouble.text), ..trouble }
            }
            _ => trouble,
        }
    }

    fn address(&self, failed: Option<&Server>) -> Option<ConnectionAddr> {
        match self.0.guide {
            Guide::Url => {
                let info = self.0.config.url.expose().into_connection_info().ok()?;
                Some(info.addr().clone())
            }
            Guide::Sentinels(_) => {
                let known = lock(&self.0.topology).clone()?;
                let master = known.nodes().next()?.as_ref();
                master.map(|master| address(&self.0.config, master))
            }
            Guide::Cluster(_) => failed.map(|failed| address(&self.0.config, failed)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is a single one, so what is poisoned is intact.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sentinels may lag behind: what they name may be a replica by now, from which nothing would be heard but what was.
fn must_be_master(connection: &mut Connection, host: &str, port: u16) -> RedisResult<()> {
    let role: Vec<Value> = match redis::cmd("ROLE").query(connection) {
        Ok(role) => role,
        // Then its refusal of the first write tells.
        Err(error) if error.code() == Some("NOPERM") => return Ok(()),
        Err(error) => return Err(error),
    };
    let role: String =
        role.into_iter().next().map(redis::from_redis_value).transpose()?.unwrap_or_default();
    match &*role {
        "master" => Ok(()),
        role => Err(Error::other(format!(
            "the Redis at {host}:{port}, which a sentinel names as the master, says that it is a {role}"
        ))
        .into()),
    }
}
