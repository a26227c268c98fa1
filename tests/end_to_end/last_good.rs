//! A start at which ZooKeeper holds nonsense or is away: Redis is left alone, or gets what the last
//! good weights give.

use crate::harness::{Process, event, eventually, free_port, redis, redis_hash, service, services};
use crate::settings::write_node;
use serde_json::{Value, json};

fn zookeeper() -> String {
    service("RECSYS_TEST_ZOOKEEPER")
}

/// Where no ZooKeeper is.
fn nowhere() -> String {
    format!("127.0.0.1:{}", free_port())
}

/// A folder with a view of a user, whom Redis has as they are under a view's weight of 7.
fn viewed(user: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::on_files(folder.path(), &zookeeper());
    process.wait_ready();
    process.weigh(7);
    process.post(&json!([event("view", user, "cup", &["cups"])]));
    process.settles(user, &json!({"cups": 7}));
    eventually("the weights are kept", || {
        let kept = std::fs::read_to_string(folder.path().join("data/recsys/last-good/weights"));
        kept.is_ok_and(|kept| kept.contains(r#""view":7"#))
    });
    process.kill();
    folder
}

/// Has Redis hold something else of a user, so that it is seen what is written.
fn mark(user: &str) {
    let key = format!("user:profile:{user}");
    let mut redis = redis().unwrap();
    let _: () = redis::cmd("DEL").arg(&key).query(&mut redis).unwrap();
    let _: () = redis::cmd("HSET").arg(&key).arg("mark").arg("42").query(&mut redis).unwrap();
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn bad_weights_at_a_restart_leave_the_last_good_ones_in_force() {
    let _services = services();
    let folder = viewed("lea");
    mark("lea");
    write_node(r#"{"view":7,"add_to_cart":3}"#);
    let process = Process::on_files(folder.path(), &zookeeper());
    process.wait_ready();
    process.settles("lea", &json!({"cups": 7}));
    process.kill();
    // Another host, whose folder has no copy: the one in ZooKeeper counts.
    std::fs::remove_dir_all(folder.path().join("data/recsys")).unwrap();
    mark("lea");
    let process = Process::on_files(folder.path(), &zookeeper());
    process.wait_ready();
    process.settles("lea", &json!({"cups": 7}));
    process.weigh(1);
    process.settles("lea", &json!({"cups": 1}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn without_zookeeper_the_last_good_weights_are_in_force() {
    let _services = services();
    let folder = viewed("max");
    mark("max");
    let process = Process::on_files(folder.path(), &nowhere());
    process.wait_ready();
    process.settles("max", &json!({"cups": 7}));
    let stored = process.get("/api/status")["stored"]["weights"].to_string();
    assert!(stored.starts_with("\"unreachable: "), "{stored}");
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn without_any_good_weights_redis_is_left_alone() {
    let _services = services();
    let folder = viewed("ned");
    std::fs::remove_dir_all(folder.path().join("data/recsys")).unwrap();
    mark("ned");
    let process = Process::on_files(folder.path(), &nowhere());
    eventually("it has read the events, and waits for the settings", || {
        let Some((503, ready)) = process.try_call("GET", "/readyz", "") else { return false };
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let reason = ready["reasons"]["sink"].as_str().unwrap_or_default();
        ready["awaited"] == json!(["model", "weights", "blend", "rules", "ranking"])
            && reason.contains("cannot be read")
    });
    eventually("the sink has seen them", || process.metric("recsys_sink_pending_users", &[]) > 0.0);
    assert_eq!(process.metric("recsys_sink_fields_total", &[]), 0.0);
    assert_eq!(redis_hash("ned"), Some(json!({"mark": "42"})));
    assert_eq!(process.try_call("GET", "/api/user-profile/ned", "").unwrap().0, 503);
}
