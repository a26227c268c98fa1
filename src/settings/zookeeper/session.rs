//! Keeps a ZooKeeper session, with this process registered in it.

use super::connect::{ConnectError, begin, credentials};
use super::membership::{Members, Membership};
use super::trouble::{no_session, refusal};
use super::{MEMBERS, PATIENCE};
use crate::config::{self, Secret};
use crate::holder::Holder;
use crate::service_health::{SETTINGS, ServiceHealth};
use crate::settings::StoreError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use zookeeper::{
    Acl, Acls, Client, CreateMode, CreateOptions, Error, Permission, SessionState, Stat,
};

/// The pause before the next try to connect.
const RETRY: Duration = Duration::from_millis(500);
/// The interval at which it is checked that the members are registered.
const MEMBER_CHECK: Duration = Duration::from_secs(5);
/// The longest that a server takes to expire a session which is over, beside the session's own time.
const EXPIRY: Duration = Duration::from_secs(3);

/// The access rights with authentication: this user may do anything, all others may read. Without
/// it anyone may do anything.
static OWNER_WRITES: [Acl; 2] = [
    Acl::new_const(Permission::ALL, "auth", ""),
    Acl::new_const(Permission::READ, "world", "anyone"),
];

/// The state that the task which keeps the session shares with the store.
pub(super) struct Shared {
    config: config::ZooKeeperConfig,
    /// The session, and the number of connections made and lost.
    session: watch::Sender<(Option<Client>, u64)>,
    pub(super) members: Members,
    /// Why there is no session, as of the last try to begin one.
    trouble: Mutex<Option<String>>,
    health: ServiceHealth,
    /// Wakes the task that keeps the session when members have changed.
    changed_members: Notify,
}

impl Shared {
    pub(super) fn new(config: &config::ZooKeeperConfig, health: ServiceHealth) -> Shared {
        Shared {
            config: config.clone(),
            session: watch::Sender::new((None, 0)),
            members: Members::default(),
            trouble: Mutex::default(),
            health,
            changed_members: Notify::new(),
        }
    }

    /// Returns the session, for which it may wait a little.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        let mut sessions = self.session.subscribe();
        let there = timeout(PATIENCE, sessions.wait_for(|(client, _)| client.is_some())).await;
        let client = there.ok().and_then(Result::ok).and_then(|session| session.0.clone());
        client.ok_or_else(|| {
            let none = || format!("no session with {}", self.config.hosts.join(","));
            StoreError::Unavailable(self.trouble().clone().unwrap_or_else(none))
        })
    }

    /// Makes an operation's error one of the store's. Errors of the connection may pass; all others are the
    /// store's refusal.
    pub(super) fn store_error(&self, error: &Error) -> StoreError {
        let reason = refusal(&self.config, error);
        match error {
            Error::NoAuth
            | Error::AuthFailed
            | Error::InvalidAcl
            | Error::QuotaExceeded
            | Error::NoChildrenForEphemerals
            | Error::NoNode
            | Error::NotEmpty
            | Error::NotReadOnly
            | Error::BadArguments(_) => StoreError::Refused(reason),
            _ => StoreError::Unavailable(reason),
        }
    }

    /// Finds out why no session could be begun. Returns it where the try before failed for another reason.
    async fn note_failure(self: &Arc<Self>, error: ConnectError) -> Option<String> {
        let shared = self.clone();
        let asked = tokio::task::spawn_blocking(move || no_session(&shared.config, &error)).await;
        let (why, hosts) = (asked.unwrap_or_default(), self.config.hosts.join(","));
        let why = Some(format!("no session with {hosts}: {why}"));
        let before = std::mem::replace(&mut *self.trouble(), why.clone());
        if before == why { None } else { why }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes whenever a connection is made or lost.
    pub(super) fn connections(&self) -> watch::Receiver<(Option<Client>, u64)> {
        self.session.subscribe()
    }

    /// The options of nodes that outlive the session.
    pub(super) fn options(&self) -> CreateOptions<'static> {
        CreateMode::Persistent.with_acls(self.acls())
    }

    fn acls(&self) -> Acls<'static> {
        if self.config.auth.is_some() { Acls::new(&OWNER_WRITES) } else { Acls::anyone_all() }
    }

    pub(super) fn register(&self, id: &str, data: Vec<u8>) {
        self.members.insert(format!("{MEMBERS}/{id}"), data);
        self.changed_members.notify_one();
    }

    /// Removes the members and drops the session, which ends with its last user. What another process
    /// holds is left.
    pub(super) async fn leave(&self) {
        let members = self.members.take();
        let client = self.session.send_replace((None, u64::MAX)).0;
        if let Some(client) = client {
            for path in members.keys() {
                if let Ok((_, stat)) = client.get_data(path).await
                    && self.members.is_own(stat.ephemeral_owner)
                {
                    let _ = client.delete(path, None).await;
                }
            }
        }
    }

    /// Has the session use the credentials that their file has now, for it may last longer than these are good. Who it was
    /// before it stays as well.
    async fn log_in_again(&self, client: &Client, known: &mut Option<Secret>) {
        // What cannot be read now is read again soon.
        let Ok(Some(now)) = credentials(&self.config) else { return };
        let Some((scheme, _)) = &self.config.auth else { return };
        if known.as_ref() == Some(&now) {
            return;
        }
        match timeout(PATIENCE, client.auth(scheme, now.expose().as_bytes())).await {
            Ok(Ok(())) => {
                tracing::info!("ZooKeeper is logged in to with what zookeeper.auth_file has now");
                *known = Some(now);
            }
            Ok(Err(error)) => tracing::warn!(%error, "ZooKeeper refuses zookeeper.auth_file"),
            Err(_) => {}
        }
    }

    fn publish(&self, client: Option<Client>) {
        self.session.send_modify(|session| *session = (client, session.1.wrapping_add(1)));
    }

    /// Registers all members that are missing, or registered by an earlier session of this process.
    async fn register_all(&self, client: &Client) -> Result<(), Error> {
        let options = CreateMode::Ephemeral.with_acls(self.acls());
        let mut is_held = false;
        for (path, data) in self.members.all() {
            match client.get_data(&path).await {
                Ok((there, stat)) if stat.ephemeral_owner == client.session_id().0 => {
                    if there != data {
                        client.set_data(&path, &data, None).await?;
                    }
                    continue;
                }
                // It would vanish when that session expires.
                Ok((there, stat))
                    if self.members.is_own(stat.ephemeral_owner) || has_ended(&there) =>
                {
                    // The node as it was seen: another process may have come in between.
                    match client.delete(&path, Some(stat.version)).await {
                        Ok(()) | Err(Error::NoNode) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok((there, stat)) => {
                    is_held = true;
                    let outlives = client.session_timeout() + EXPIRY;
                    let node = (&*path, &*there);
                    self.members.held(node, stat.ephemeral_owner, outlives, Instant::now());
                    continue;
                }
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
        if !is_held {
            self.members.free();
        }
        Ok(())
    }

    /// Waits until the node is there below which everything lies.
    async fn until_chroot(&self, client: &Client) -> Result<(), Error> {
        let mut logged = false;
        while !is_there(client.check_stat("/").await)? {
            let (chroot, hosts) = (&self.config.chroot, self.config.hosts.join(","));
            let missing = format!("zookeeper.chroot {chroot} does not exist at {hosts}: create it");
            if !logged {
                tracing::warn!("{missing}");
                logged = true;
            }
            *self.trouble() = Some(missing);
            sleep(RETRY).await;
        }
        *self.trouble() = None;
        Ok(())
    }
}

/// Whether a node is there. Newer servers do not tell that of one which may not be read: then what is refused below it
/// tells more.
fn is_there(stat: Result<Option<Stat>, Error>) -> Result<bool, Error> {
    match stat {
        Ok(stat) => Ok(stat.is_some()),
        Err(Error::NoAuth) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether the process that a member's node is of has ended.
fn has_ended(data: &[u8]) -> bool {
    serde_json::from_slice::<Holder>(data).is_ok_and(|holder| holder.has_ended())
}

/// Creates a node that outlives the session, with its parents.
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

/// Keeps a session, for ever. A failure to connect is logged once, not at every try.
pub(super) async fn keep(shared: Arc<Shared>) {
    loop {
        let begun = match credentials(&shared.config) {
            Ok(login) => begin(&shared.config, login.as_ref()).await.map(|client| (client, login)),
            Err(error) => Err(error),
        };
        match begun {
            Ok((client, login)) => {
                tracing::info!(session = %client.session_id(), "ZooKeeper session begins");
                shared.members.begin(client.session_id().0);
                match shared.until_chroot(&client).await {
                    Ok(()) => hold(&shared, client, login).await,
                    Err(error) => tracing::warn!(%error, "ZooKeeper does not answer"),
                }
                tracing::warn!("ZooKeeper session has ended; a new one will follow");
            }
            Err(error) => {
                if let Some(error) = shared.note_failure(error).await {
                    tracing::warn!(error, "ZooKeeper can't be used; trying on");
                }
            }
        }
        sleep(RETRY).await;
    }
}

/// Shares a session with the store, and keeps the members registered, until the session expires.
async fn hold(shared: &Shared, client: Client, mut login: Option<Secret>) {
    let mut states = client.state_watcher();
    shared.publish(Some(client.clone()));
    let mut unregistered = None;
    loop {
        let mut check = MEMBER_CHECK;
        if states.peek_state() == SessionState::SyncConnected {
            shared.log_in_again(&client, &mut login).await;
            let error = match timeout(PATIENCE, shared.register_all(&client)).await {
                Ok(done) => done.err().map(|error| refusal(&shared.config, &error)),
                Err(_) => Some("no answer in time".into()),
            };
            match &error {
                Some(error) => {
                    shared.health.fails(SETTINGS, 0, &**error);
                    if unregistered.as_ref() != Some(error) {
                        tracing::warn!(error, "not registered in ZooKeeper; trying on");
                    }
                }
                None => shared.health.works(SETTINGS, 0),
            }
            unregistered = error;
            if shared.members.membership() != Membership::Free {
                check = RETRY;
            }
        }
        let state = tokio::select! {
            state = states.changed() => state,
            () = shared.changed_members.notified() => continue,
            () = sleep(check) => continue,
        };
        if state.is_terminated() {
            return shared.publish(None);
        }
        // Changes may have been missed while disconnected: those who wait for one read again.
        shared.publish(Some(client.clone()));
    }
}
