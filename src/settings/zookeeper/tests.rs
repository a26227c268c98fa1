//! Against a real ZooKeeper, at `RECSYS_TEST_ZOOKEEPER`, which `scripts/test` sets.

use super::{MEMBERS, Membership, ZooKeeperStore};
use crate::config;
use crate::holder::Holder;
use crate::service_health::ServiceHealth;
use crate::settings::{Store, StoreError};
use std::time::{Duration, Instant};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use zookeeper::Client;

/// Long enough that no test succeeds by it: what is seen is seen by a watch.
const POLL: Duration = Duration::from_secs(60);

fn config(hosts: String) -> config::ZooKeeperConfig {
    let (chroot, session_timeout) = (String::new(), Duration::from_secs(6));
    config::ZooKeeperConfig {
        hosts: vec![hosts],
        chroot,
        auth: None,
        tls: None,
        session_timeout,
        poll: POLL,
    }
}

fn hosts() -> String {
    std::env::var("RECSYS_TEST_ZOOKEEPER").expect("run this test by scripts/test")
}

fn store() -> ZooKeeperStore {
    ZooKeeperStore::new(&config(hosts()), Handle::current(), ServiceHealth::default())
}

/// A line to ZooKeeper that can be cut.
struct Line {
    address: String,
    open: watch::Sender<bool>,
}

impl Line {
    async fn new() -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut state = state.clone();
                tokio::spawn(async move {
                    if *state.borrow_and_update() {
                        let mut server = TcpStream::connect(hosts()).await.unwrap();
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                            _ = state.changed() => {}
                        }
                    }
                });
            }
        });
        Line { address, open }
    }
}

/// A process on a host that cannot be seen from here.
fn elsewhere() -> Holder {
    let json = r#"{"process":0,"http":"10.0.0.1:8080","host":"shop","pid":7}"#;
    serde_json::from_str(json).unwrap()
}

/// A path that no other run uses.
fn fresh(name: &str) -> String {
    format!("/config/test-{}-{name}", std::process::id())
}

async fn remove(path: &str) {
    let client = Client::connect(&hosts()).await.unwrap();
    client.delete(path, None).await.unwrap();
}

#[tokio::test]
#[ignore = "needs ZooKeeper"]
async fn what_is_put_is_read_and_create_leaves_it_alone() {
    let (store, path) = (store(), fresh("put"));
    let below = format!("{path}/below");
    assert_eq!(store.get(&below).await.unwrap(), None);
    store.put(&below, b"1".into()).await.unwrap();
    store.put(&below, b"2".into()).await.unwrap();
    store.create(&below, b"3".into()).await.unwrap();
    assert_eq!(store.get(&below).await.unwrap().unwrap(), b"2");
    assert_eq!(store.get(&path).await.unwrap().unwrap(), b"");
    let refused = store.delete(&path).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    for path in [&below, &path] {
        assert!(store.delete(path).await.unwrap());
        assert_eq!(store.get(path).await.unwrap(), None);
        assert!(!store.delete(path).await.unwrap());
    }
}

#[tokio::test]
#[ignore = "needs ZooKeeper"]
async fn a_change_is_seen_whenever_it_was_made_after_the_read() {
    let (store, path) = (store(), fresh("changed"));
    let begin = Instant::now();
    store.get(&path).await.unwrap();
    let ((), put) = tokio::join!(store.changed(&path), store.put(&path, b"1".into()));
    put.unwrap();
    store.get(&path).await.unwrap();
    store.put(&path, b"2".into()).await.unwrap();
    store.changed(&path).await;
    assert!(begin.elapsed() < POLL / 2, "only the poll has seen it");
    remove(&path).await;
}

#[tokio::test]
#[ignore = "needs ZooKeeper"]
async fn an_expired_session_is_followed_by_one_with_the_members_and_the_watch() {
    let (line, path) = (Line::new().await, fresh("expired"));
    let store = ZooKeeperStore::new(
        &config(line.address.clone()),
        Handle::current(),
        ServiceHealth::default(),
    );
    let member = format!("test-{}", std::process::id());
    let node = format!("{MEMBERS}/{member}");
    store.register(&member, &elsewhere());
    store.put(&path, b"1".into()).await.unwrap();
    store.get(&path).await.unwrap();

    // Who takes over a session and closes it ends it, unless its first holder can take it back.
    let session = store.shared.client().await.unwrap().session().clone();
    let (id, mut connections) = (session.id(), store.shared.connections());
    line.open.send_replace(false);
    drop(Client::connector().with_session(session).connect(&hosts()).await.unwrap());
    store.changed(&path).await;
    line.open.send_replace(true);
    let another = |client: &Client| client.session_id() != id;
    connections.wait_for(|(client, _)| client.as_ref().is_some_and(another)).await.unwrap();

    let observer = Client::connect(&hosts()).await.unwrap();
    loop {
        let (stat, watcher) = observer.check_and_watch_stat(&node).await.unwrap();
        match stat {
            Some(stat) if stat.ephemeral_owner != id.0 => break,
            _ => drop(watcher.changed().await),
        }
    }
    let ((), put) = tokio::join!(store.changed(&path), store.put(&path, b"2".into()));
    put.unwrap();
    store.leave().await;
    assert_eq!(observer.check_stat(&node).await.unwrap(), None);
    observer.delete(&path, None).await.unwrap();
}

#[tokio::test]
#[ignore = "needs ZooKeeper"]
async fn a_name_has_one_process_and_passes_on_once_that_has_ended() {
    let member = format!("test-name-{}", std::process::id());
    let node = format!("{MEMBERS}/{member}");
    let observer = Client::connect(&hosts()).await.unwrap();
    let owner = async || observer.check_stat(&node).await.unwrap().map(|stat| stat.ephemeral_owner);
    let until = async |holds: &dyn Fn() -> bool| {
        let patience = Duration::from_secs(30);
        let wait = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(patience, wait).await.expect("it takes too long");
    };
    let (first, second) = (store(), store());
    first.register(&member, &elsewhere());
    while owner().await.is_none() {}
    let members = first.members().await.unwrap();
    assert!(members.contains(&elsewhere()), "{members:?}");
    let held = owner().await;
    second.register(&member, &elsewhere());
    until(&|| matches!(second.membership(), Membership::Awaits(_))).await;
    until(&|| matches!(second.membership(), Membership::Refused(_))).await;
    let Membership::Refused(reason) = second.membership() else { panic!("it was refused") };
    let told = format!("{node} is held by process 7 on shop, which serves 10.0.0.1:8080 (session ");
    assert!(reason.starts_with(&told), "{reason}");
    second.leave().await;
    assert_eq!(owner().await, held, "who leaves takes nobody else's node along");
    // One that was killed has a session until it expires; of one on this host it is seen.
    drop(first);
    let third = store();
    third.register(&member, &Holder::this(0, 2, "127.0.0.1:1".parse().unwrap()));
    until(&|| third.membership() == Membership::Free).await;
    while owner().await.is_none_or(|owner| Some(owner) == held) {}
    let begun = Instant::now();
    let fourth = store();
    fourth.register(&member, &Holder::this(0, 2, "127.0.0.1:2".parse().unwrap()));
    let taken = owner().await;
    while owner().await == taken {}
    assert!(begun.elapsed() < Duration::from_secs(5), "it waits for a process that has ended");
    fourth.leave().await;
}

#[tokio::test]
#[ignore = "needs ZooKeeper"]
async fn a_chroot_that_does_not_exist_is_named_until_it_does() {
    let chroot = format!("/test-chroot-{}", std::process::id());
    let config = config::ZooKeeperConfig { chroot: chroot.clone(), ..config(hosts()) };
    let store = ZooKeeperStore::new(&config, Handle::current(), ServiceHealth::default());
    let missing = store.get("/config/x").await.unwrap_err().to_string();
    assert!(missing.contains(&format!("zookeeper.chroot {chroot} does not exist at")), "{missing}");
    let client = Client::connect(&hosts()).await.unwrap();
    client.mkdir(&chroot, &store.shared.options()).await.unwrap();
    store.put("/config/x", b"1".into()).await.unwrap();
    assert_eq!(store.get("/config/x").await.unwrap().unwrap(), b"1");
    for path in ["/config/x", "/config", ""] {
        client.delete(&format!("{chroot}{path}"), None).await.unwrap();
    }
}

#[tokio::test]
async fn a_store_that_is_away_says_so_in_bounded_time() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = ZooKeeperStore::new(
        &config(nobody.to_string()),
        Handle::current(),
        ServiceHealth::default(),
    );
    let away = store.get("/config/x").await;
    assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
}
