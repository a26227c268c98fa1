//! Makes the connections to Redis, each with the login and the certificates that their files hold by then, and to the
//! master that the sentinels name.
//!
//! All connections of a process go to one server: where the master is its keeper finds out, and the workers follow. So
//! what a worker has had acknowledged, and what the keeper says of it, is of the same Redis.

use crate::config::RedisConfig;
use crate::sinks::redis::client::{Server, address, client, connection};
use crate::sinks::redis::sentinel::Sentinels;
use crate::sinks::redis::trouble::{Place, Trouble, trouble};
use redis::{Connection, ConnectionAddr, IntoConnectionInfo, RedisError, RedisResult, Value};
use std::io::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Makes connections to Redis. Clones share what is known of the master.
#[derive(Clone)]
pub struct Dialer(Arc<Shared>);

struct Shared {
    config: RedisConfig,
    sentinels: Option<Mutex<Sentinels>>,
    /// The master, once the sentinels have named one.
    master: Mutex<Option<Server>>,
    /// How often another master was found.
    moves: AtomicU64,
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
        let sentinels = config.sentinels.clone().map(Sentinels::new).map(Mutex::new);
        let (config, master) = (config.clone(), Mutex::default());
        Ok(Dialer(Arc::new(Shared { config, sentinels, master, moves: AtomicU64::new(0) })))
    }

    /// Asks the sentinels, if there are any, which Redis is the master.
    ///
    /// # Errors
    /// When none of them tells.
    pub(super) fn find(&self) -> RedisResult<()> {
        let Some(sentinels) = &self.0.sentinels else { return Ok(()) };
        let mut sentinels = sentinels.lock().unwrap_or_else(PoisonError::into_inner);
        let found = sentinels.master(&self.0.config).map_err(Error::other)?;
        drop(sentinels);
        let before = self.master().replace(found.clone());
        if before.as_ref() != Some(&found) {
            let (host, port) = &found;
            if before.is_some() {
                tracing::warn!(host, port, "another Redis is the master now");
            }
            self.0.moves.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    }

    /// How often another master was found: a connection that was made before is to another one.
    pub(super) fn moves(&self) -> u64 {
        self.0.moves.load(Ordering::Acquire)
    }

    /// Connects to the only server, or to the master that was found.
    ///
    /// # Errors
    /// When it does not answer in time, refuses the login, or is no master.
    pub(super) fn connect(&self) -> RedisResult<Connection> {
        let Shared { config, sentinels, .. } = &*self.0;
        let master = self.master().clone();
        if sentinels.is_some() && master.is_none() {
            return Err(
                Error::other("the sentinels have yet to tell which Redis is the master").into()
            );
        }
        let client = client(config, master.as_ref())?;
        let mut connection = connection(&client, config.timeout)?;
        if let Some((host, port)) = master {
            must_be_master(&mut connection, &host, port)?;
        }
        Ok(connection)
    }

    /// Asks where the master is, if that is to be asked, and connects to it.
    ///
    /// # Errors
    /// As above.
    pub fn find_and_connect(&self) -> RedisResult<Connection> {
        self.find()?;
        self.connect()
    }

    /// Says what is wrong with Redis, given the error that a connection has met. It may ask the server, for a second or
    /// two.
    pub fn trouble(&self, error: &RedisError) -> Trouble {
        trouble(&Place::redis(&self.0.config, self.address()), error)
    }

    fn address(&self) -> Option<ConnectionAddr> {
        if self.0.sentinels.is_some() {
            let master = self.master().clone();
            return master.map(|master| address(&self.0.config, &master));
        }
        let info = self.0.config.url.expose().into_connection_info().ok()?;
        Some(info.addr().clone())
    }

    fn master(&self) -> MutexGuard<'_, Option<Server>> {
        // It is replaced as a whole, so a poisoned one is intact.
        self.0.master.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
