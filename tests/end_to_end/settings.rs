//! ZooKeeper: weights, set in every way, hold at once for all history; members come and go.

use crate::harness::{
    Process, alone, event, eventually, prefix, script, served, service, services, with_log,
};
use serde_json::json;
use std::time::{Duration, Instant};

const NODE: &str = "/config/recommendation/weights";

/// Does something in ZooKeeper, past the engine.
pub(crate) fn zookeeper<T>(work: impl AsyncFnOnce(zookeeper::Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        work(zookeeper::Client::connect(&service("RECSYS_TEST_ZOOKEEPER")).await.unwrap()).await
    })
}

pub(crate) fn write_node(value: &str) {
    zookeeper(async |client| client.set_data(NODE, value.as_bytes(), None).await.unwrap());
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn new_weights_score_all_history_anew() {
    let _services = services();
    let process = Process::ready(&prefix("weights"), "2");
    process.weigh(1);
    process.post(&json!([event("view", "cid", "cap", &["hats"])]));
    for view in [7, 2] {
        process.weigh(view);
        process.settles("cid", &json!({"hats": view}));
    }
    script(&["restart", "zookeeper"]);
    eventually("zookeeper", || {
        let weights = json!({"view": 4, "add_to_cart": 3, "purchase": 5}).to_string();
        let path = "/api/config/recommendation/weights";
        process.try_call("PUT", path, &weights).is_some_and(|(status, _)| status < 300)
    });
    process.settles("cid", &json!({"hats": 4}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn weights_written_straight_into_zookeeper_hold_and_nonsense_does_not() {
    let _services = services();
    let process = Process::ready(&prefix("straight"), "2");
    process.weigh(1);
    process.post(&json!([
        event("view", "zoe", "cup", &["cups"]),
        event("purchase", "zoe", "cup", &["cups"])
    ]));
    process.settles("zoe", &json!({"cups": 6}));
    write_node(r#"{"view":2,"add_to_cart":3,"purchase":10}"#);
    process.settles("zoe", &json!({"cups": 12}));
    let refused = || process.metric("recsys_weights_rejected_total", &[]);
    let before = refused();
    write_node("ten");
    eventually("nonsense is refused", || refused() > before);
    assert_eq!(process.profile("zoe"), json!({"cups": 12}));
    write_node(r#"{"view":0.5,"add_to_cart":3,"purchase":10}"#);
    process.settles("zoe", &json!({"cups": 10.5}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_value_that_is_too_large_does_not_cost_the_session() {
    let _services = services();
    let folder = tempfile::tempdir().unwrap();
    let process = Process::on_files(folder.path(), &service("RECSYS_TEST_ZOOKEEPER"));
    process.wait_ready();
    let member = "/services/recsys/process-0";
    let session = || {
        zookeeper(async |client| {
            client.check_stat(member).await.unwrap().map(|stat| stat.ephemeral_owner)
        })
    };
    eventually("it is a member", || session().is_some());
    let before = session();
    for (bytes, expected) in [(1_000_000, 200), (1_000_001, 413), (1_048_570, 413)] {
        let answer = process.try_call("PUT", "/api/config/custom/large", &"x".repeat(bytes));
        assert_eq!(answer.unwrap().0, expected, "{bytes} bytes");
    }
    process.weigh(1);
    assert_eq!(session(), before);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_process_is_a_member_while_it_lives() {
    let _services = services();
    let members = || {
        zookeeper(async |client| client.list_children("/services/recsys").await.unwrap_or_default())
    };
    let mut process = Process::ready(&prefix("member"), "1");
    eventually("it is a member", || members() == ["process-0"]);
    process.signal("TERM");
    assert!(process.wait().success());
    assert!(members().is_empty(), "nobody has to wait for its session to expire");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_second_engine_of_the_same_name_is_refused_and_one_started_again_is_not() {
    let _services = services();
    let prefix = prefix("name");
    let member = "/services/recsys/process-0";
    let owner = || {
        zookeeper(async |client| {
            client.check_stat(member).await.unwrap().map(|stat| stat.ephemeral_owner)
        })
    };
    let first = Process::ready(&prefix, "1");
    eventually("it is a member", || owner().is_some());
    let held = owner();
    let mut program = with_log(served(&prefix));
    // Redis would refuse it before.
    program.env("RECSYS_REDIS_URL", "").env("RECSYS_ZOOKEEPER_SESSION_TIMEOUT_MS", "2000");
    let mut second = Process::spawn(program, "1", &[]);
    eventually("the second waits", || {
        let ready = second.try_call("GET", "/readyz", "");
        ready.is_some_and(|(status, told)| status == 503 && told.contains("process-0 is held by"))
    });
    assert_eq!(second.wait().code(), Some(1));
    let log: Vec<_> = second.log().collect();
    let port = format!("which serves 127.0.0.1:{}", first.port);
    let refused = |line: &&String| {
        [member, "is held by process", &port, "another engine has this name"]
            .iter()
            .all(|part| line.contains(part))
    };
    assert_eq!(log.iter().filter(refused).count(), 1, "{log:#?}");
    assert_eq!(owner(), held, "the first is not disturbed");
    first.kill();
    let begun = Instant::now();
    let again = Process::ready(&prefix, "1");
    eventually("it is a member", || owner().is_some_and(|owner| Some(owner) != held));
    assert!(begun.elapsed() < Duration::from_secs(9), "its predecessor's session is waited for");
    drop(again);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_chroot_that_does_not_exist_is_named() {
    let _services = services();
    let folder = tempfile::tempdir().unwrap();
    let mut program = with_log(alone(folder.path()));
    program
        .env("RECSYS_ZOOKEEPER_HOSTS", service("RECSYS_TEST_ZOOKEEPER"))
        .env("RECSYS_ZOOKEEPER_CHROOT", "/no-such-node");
    let mut process = Process::spawn(program, "1", &[]);
    let named = "zookeeper.chroot /no-such-node does not exist at";
    eventually("it is named in /readyz", || {
        let ready = process.try_call("GET", "/readyz", "");
        ready.is_some_and(|(status, told)| status == 503 && told.contains(named))
    });
    process.signal("TERM");
    process.wait();
    let log: Vec<_> = process.log().collect();
    // Those who wait for a session say it as well, once each.
    let begins = format!("session: {named}");
    assert_eq!(log.iter().filter(|line| line.contains(&begins)).count(), 1, "{log:#?}");
}
