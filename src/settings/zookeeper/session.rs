//! One session after the other, each with this process's members in it.

use super::{MEMBERS, PATIENCE};
use crate::config;
use crate::settings::StoreError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use zookeeper::{Acl, Acls, Client, CreateMode, CreateOptions, Error, Permission, SessionState};

/// How long to wait before the next try to connect.
const PAUSE: Duration = Duration::from_millis(500);
/// How often members are looked after.
const CARE: Duration = Duration::from_secs(5);

/// With authentication only we may write, and anyone may read; without, anyone may do anything.
static OURS: [Acl; 2] = [
    Acl::new_const(Permission::ALL, "auth", ""),
    Acl::new_const(Permission::READ, "world", "anyone"),
];

/// What the keeper of the sessions shares with those who use them.
pub(super) struct Shared {
    config: config::ZooKeeperConfig,
    /// The session, and how often a connection has been made or lost.
    session: watch::Sender<(Option<Client>, u64)>,
    members: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Wakes the keeper: members have changed.
    entered: Notify,
}

impl Shared {
    pub(super) fn new(config: &config::ZooKeeperConfig) -> Shared {
        Shared {
            config: config.clone(),
            session: watch::Sender::new((None, 0)),
            members: Mutex::default(),
            entered: Notify::new(),
        }
    }

    /// The session, which may have to be waited for a little.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        let mut sessions = self.session.subscribe();
        let there = timeout(PATIENCE, sessions.wait_for(|(client, _)| client.is_some())).await;
        let client = there.ok().and_then(Result::ok).and_then(|session| session.0.clone());
        client.ok_or_else(|| {
            StoreError::Unavailable(format!("no session with {}", self.config.hosts.join(",")))
        })
    }

    /// Changes whenever a connection is made or lost.
    pub(super) fn connections(&self) -> watch::Receiver<(Option<Client>, u64)> {
        self.session.subscribe()
    }

    /// How nodes that stay are made.
    pub(super) fn options(&self) -> CreateOptions<'static> {
        CreateMode::Persistent.with_acls(self.acls())
    }

    fn acls(&self) -> Acls<'static> {
        if self.config.auth.is_some() { Acls::new(&OURS) } else { Acls::anyone_all() }
    }

    pub(super) fn enter(&self, id: &str, data: Vec<u8>) {
        self.members().insert(format!("{MEMBERS}/{id}"), data);
        self.entered.notify_one();
    }

    /// Takes the members away and lets go of the session, which ends with its last holder.
    pub(super) async fn leave(&self) {
        let members = std::mem::take(&mut *self.members());
        let client = self.session.send_replace((None, u64::MAX)).0;
        if let Some(client) = client {
            for path in members.keys() {
                let _ = client.delete(path, None).await;
            }
        }
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, client: Option<Client>) {
        self.session.send_modify(|session| *session = (client, session.1.wrapping_add(1)));
    }

    /// Enters all members that are not there, or are from an earlier session of ours.
    async fn enter_all(&self, client: &Client) -> Result<(), Error> {
        let members = self.members().clone();
        let options = CreateMode::Ephemeral.with_acls(self.acls());
        for (path, data) in members {
            match client.get_data(&path).await {
                Ok((there, stat)) if stat.ephemeral_owner == client.session_id().0 => {
                    if there != data {
                        client.set_data(&path, &data, None).await?;
                    }
                    continue;
                }
                // It would go with the session that it belongs to.
                Ok(_) => client.delete(&path, None).await?,
                Err(Error::NoNode) => {}
                Err(error) => return Err(error),
            }
            match client.create(&path, &data, &options).await {
                Err(Error::NoNode) => {
                    client.mkdir(MEMBERS, &self.options()).await?;
                    client.create(&path, &data, &options).await?;
                }
                done => drop(done?),
            }
        }
        Ok(())
    }
}

/// Begins a session.
///
/// # Errors
/// When no server answers for about the session's time-out, or the credentials are refused.
pub(crate) async fn connect(config: &config::ZooKeeperConfig) -> Result<Client, Error> {
    let mut connector = Client::connector().with_session_timeout(config.session_timeout);
    if let Some((scheme, credentials)) = &config.auth {
        connector = connector.with_auth(scheme, credentials.expose().as_bytes());
    }
    connector.connect(&format!("{}{}", config.hosts.join(","), config.chroot)).await
}

/// Makes a node that stays, with its parents.
pub(super) async fn create(
    client: &Client,
    path: &str,
    value: &[u8],
    options: &CreateOptions<'_>,
) -> Result<(), Error> {
    match client.create(path, value, options).await {
        Err(Error::NoNode) => {}
        done => return done.map(drop),
    }
    if let Some((parents, _)) = path.rsplit_once('/').filter(|(parents, _)| !parents.is_empty()) {
        client.mkdir(parents, options).await?;
    }
    client.create(path, value, options).await.map(drop)
}

/// Keeps a session, for ever. It is told once that none can be had, not at every try.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut told = false;
    loop {
        match connect(&shared.config).await {
            Ok(client) => {
                tracing::info!(session = %client.session_id(), "ZooKeeper session begins");
                told = false;
                serve(&shared, client).await;
                tracing::warn!("ZooKeeper session has ended; a new one will follow");
            }
            Err(error) if !told => {
                let hosts = shared.config.hosts.join(",");
                tracing::warn!(%error, hosts, "no ZooKeeper session; trying on");
                told = true;
            }
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

/// Shares a session for as long as it lives.
async fn serve(shared: &Shared, client: Client) {
    let mut states = client.state_watcher();
    shared.publish(Some(client.clone()));
    loop {
        if states.peek_state() == SessionState::SyncConnected {
            match timeout(PATIENCE, shared.enter_all(&client)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "not registered in ZooKeeper; trying on"),
                Err(_) => tracing::warn!("not registered in ZooKeeper in time; trying on"),
            }
        }
        let state = tokio::select! {
            state = states.changed() => state,
            () = shared.entered.notified() => continue,
            () = sleep(CARE) => continue,
        };
        if state.is_terminated() {
            return shared.publish(None);
        }
        // A connection made anew may have missed changes: who waits for one shall read again.
        shared.publish(Some(client.clone()));
    }
}
