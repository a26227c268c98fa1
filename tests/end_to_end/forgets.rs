//! Merges of any user, and forgets: what counts for whom, what is left, and the receipt.

use crate::harness::{PUBLIC_KEY, Process, alone, event, eventually, prefix, redis_hash, services};
use serde_json::{Value, json};
use std::fs::write;
use std::path::Path;
use std::process::Command;

/// The private key of RFC 8410, as OpenSSL writes it.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

/// An event some minutes ago.
fn ago(minutes: i64, kind: &str, user: &str, product: &str, tags: &[&str]) -> Value {
    let mut event = event(kind, user, product, tags);
    event["timestamp"] = json!(jiff::Timestamp::now().as_millisecond() - minutes * 60_000);
    event
}

fn digests(process: &Process) -> Value {
    process.get("/api/status")["digests"]["views"].clone()
}

fn forget(process: &Process, user: &str) {
    process.call("POST", &format!("/api/users/{user}/forget?wait=visible"), "");
}

/// The receipt, when the name has been erased.
fn receipt(process: &Process, user: &str) -> Value {
    let read = || process.get(&format!("/api/users/{user}/forget"));
    eventually("the name is erased", || !read()["receipt"]["nameErasedAt"].is_null());
    read()
}

fn verifies(folder: &Path, receipt: &str) -> bool {
    write(folder.join("receipt.json"), receipt).unwrap();
    let mut verify = Command::new(env!("CARGO_BIN_EXE_recsys"));
    let verify = verify.current_dir(folder).args(["receipt", "verify", "--key", "public.pem"]);
    verify.arg("receipt.json").output().unwrap().status.success()
}

#[test]
fn who_was_forgotten_is_as_if_never_seen_and_the_receipt_tells_it() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(folder.path().join("private.pem"), PRIVATE).unwrap();
    write(folder.path().join("public.pem"), PUBLIC_KEY).unwrap();
    let key = format!("receipts.key_file={}", folder.path().join("private.pem").display());
    let begin = |workers| {
        let process = Process::spawn(alone(folder.path()), workers, &["--set", &key]);
        process.wait_ready();
        process
    };
    let process = begin("2");
    let of_others = json!([
        ago(9, "view", "bob", "lamp", &["light"]),
        ago(8, "purchase", "bob", "bulb", &[]),
        ago(7, "add_to_cart", "cem", "lamp", &["light"]),
    ]);
    process.post(&of_others);
    process.post(&json!([
        ago(9, "view", "ann", "lamp", &["light", "home"]),
        ago(8, "purchase", "ann", "rug", &[]),
        // Far beyond the horizon.
        ago(90 * 24 * 60, "purchase", "ann", "sofa", &["home"]),
        ago(6, "view", "tab-7", "bulb", &["light"]),
    ]));
    process.merge("ann", "tab-7");
    assert_eq!(process.get("/api/user-activity/ann")["totals"]["purchase"], 2);
    let missing = process.try_call("GET", "/api/users/ann/forget", "").unwrap();
    assert_eq!(missing.0, 404, "{missing:?}");
    let before = digests(&process);
    forget(&process, "ann");
    for user in ["ann", "tab-7"] {
        assert_eq!(process.profile(user), json!({}));
    }
    let shown = process.get("/api/user-behavior");
    assert_eq!(shown.as_array().unwrap().len(), 3, "{shown}");

    // Another engine, which never saw her.
    let never = Process::embedded(other.path(), "1");
    never.post(&of_others);
    assert_eq!(digests(&process), digests(&never));

    let signed = receipt(&process, "ann");
    let told = &signed["receipt"];
    assert_eq!((&told["digestsBefore"], &told["digestsAfter"]), (&before, &digests(&never)));
    assert!(told["rowsLeftAt"].is_string() && told["redisDeletedAt"].is_null(), "{told}");
    // That is due after `checkpoint.forget_s`.
    assert_eq!(told.get("checkpointsErasedAt"), Some(&Value::Null), "{told}");
    let signed = signed.to_string();
    assert!(verifies(folder.path(), &signed));
    assert!(!verifies(folder.path(), &signed.replacen("learned", "Learned", 1)));

    // What comes late finds nobody, and what is later counts.
    process.post(&json!([ago(5, "view", "ann", "mug", &["kitchen"])]));
    process.post(&json!([ago(5, "view", "tab-7", "mug", &["kitchen"])]));
    assert_eq!(digests(&process), digests(&never));
    process.post(&json!([ago(-1, "view", "ann", "mug", &["kitchen"])]));
    assert_ne!(process.profile("ann"), json!({}));
    drop(process);
    let again = begin("3");
    assert_ne!(again.profile("ann"), json!({}));
    assert_eq!(again.get("/api/user-activity/ann")["totals"]["view"], 1);
    forget(&again, "ann");
    // Her later event is a minute ahead of now.
    assert_eq!(again.get("/api/user-activity/ann")["totals"]["view"], 1);
}

#[test]
fn any_user_can_be_merged_but_not_in_a_circle() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    process.weigh(1);
    process.post(&json!([
        ago(9, "view", "visitor-1", "lamp", &["light"]),
        ago(8, "view", "ann", "rug", &["home"]),
    ]));
    process.merge("ann", "visitor-1");
    assert_eq!(process.profile("visitor-1"), json!({}));
    assert_eq!(process.profile("ann"), json!({"home": 1, "light": 1}));
    process.merge("household", "ann");
    assert_eq!(process.profile("ann"), json!({}));
    assert_eq!(process.profile("household"), json!({"home": 1, "light": 1}));
    // A late event follows the chain.
    process.post(&json!([ago(7, "view", "visitor-1", "mug", &["kitchen"])]));
    let all = json!({"home": 1, "kitchen": 1, "light": 1});
    assert_eq!(process.profile("household"), all);
    let body = json!({"from": "household"}).to_string();
    let (status, answer) = process.try_call("POST", "/api/users/visitor-1/merge", &body).unwrap();
    assert_eq!(status, 409, "{answer}");
    assert!(answer.contains("visitor-1"), "{answer}");
    let before = digests(&process);
    drop(process);
    let again = Process::embedded(folder.path(), "3");
    assert_eq!(again.profile("household"), all);
    assert_eq!(digests(&again), before);
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn the_key_of_who_was_forgotten_is_deleted_in_redis() {
    let _services = services();
    let process = Process::ready(&prefix("forgets"), "2");
    process.post(&json!([ago(3, "view", "uma", "sofa", &["seats"])]));
    eventually("the profile is written", || {
        redis_hash("uma").is_some_and(|hash| hash["seats"].is_string())
    });
    forget(&process, "uma");
    eventually("the key is deleted", || redis_hash("uma") == Some(json!({})));
    let told = receipt(&process, "uma");
    assert!(told["receipt"]["redisDeletedAt"].is_string(), "{told}");
    assert!(told["signature"].is_null(), "no key is set: {told}");
    drop(process);
    let again = Process::ready(&prefix("forgets"), "1");
    again.post(&json!([ago(3, "view", "uma", "sofa", &["seats"])]));
    assert_eq!(again.profile("uma"), json!({}));
    assert_eq!(redis_hash("uma"), Some(json!({})));
}
