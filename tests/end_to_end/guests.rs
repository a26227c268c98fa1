//! Guests that sign in: what they did counts for their accounts, at once and after a restart.

use crate::harness::{Process, event, prefix, services};
use serde_json::{Value, json};

fn of_guest(product: &str, tag: &str) -> Value {
    json!({"eventType": "view", "sessionId": "guest-1", "product": product, "tags": [tag]})
}

/// Whether a user is shown a product because they looked at another.
fn is_shown(process: &Process, user: &str, product: &str, because_of: &str) -> bool {
    let shown = process.get(&format!("/api/recommendations/{user}?n=50"));
    let mut shown = shown.as_array().unwrap().iter().filter(|shown| shown["id"] == product);
    shown.any(|shown| {
        let reasons = shown["reasons"].as_array().unwrap();
        reasons.iter().any(|reason| reason["product"] == because_of)
    })
}

/// A guest browses, signs in as ann, and browses on as a guest.
fn sign_in(process: &Process) {
    process.weigh(1);
    process.post(&json!([
        event("view", "bob", "lamp", &["light"]),
        event("view", "bob", "bulb", &["light"]),
        of_guest("lamp", "light"),
        event("purchase", "ann-1", "rug", &["home"]),
    ]));
    assert_eq!(process.profile("guest-1"), json!({"light": 1}));
    assert!(is_shown(process, "guest-1", "bulb", "lamp"));
    assert!(!is_shown(process, "ann-1", "bulb", "lamp"));
    process.merge("ann-1", "guest-1");
    assert_eq!(process.profile("guest-1"), json!({}));
    assert_eq!(process.profile("ann-1"), json!({"home": 5, "light": 1}));
    assert!(is_shown(process, "ann-1", "bulb", "lamp"));
    let later = jiff::Timestamp::now().as_millisecond() + 60_000;
    let mut after = of_guest("mug", "kitchen");
    after["timestamp"] = json!(later);
    process.post(&json!([after]));
}

#[test]
fn a_guest_that_signs_in_takes_along_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    sign_in(&process);
    drop(process);
    let again = Process::embedded(folder.path(), "3");
    assert_eq!(again.profile("guest-1"), json!({"kitchen": 1}));
    assert_eq!(again.profile("ann-1"), json!({"home": 5, "light": 1}));
    assert!(is_shown(&again, "ann-1", "bulb", "lamp"));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn a_guest_that_signs_in_is_moved_in_redis_too() {
    let _services = services();
    let process = Process::ready(&prefix("guests"), "2");
    process.post(&json!([of_guest("sofa", "seats")]));
    process.settles("guest-1", &json!({"seats": 1}));
    process.merge("ann-0", "guest-1");
    process.settles("guest-1", &json!({}));
    process.settles("ann-0", &json!({"seats": 1}));
    drop(process);
    // What the first merge took is not the second's.
    let process = Process::ready(&prefix("guests"), "2");
    sign_in(&process);
    process.settles("guest-1", &json!({"kitchen": 1}));
    process.settles("ann-1", &json!({"home": 5, "light": 1}));
    process.settles("ann-0", &json!({"seats": 1}));
    drop(process);
    let again = Process::ready(&prefix("guests"), "1");
    again.settles("guest-1", &json!({"kitchen": 1}));
    again.settles("ann-1", &json!({"home": 5, "light": 1}));
    again.settles("ann-0", &json!({"seats": 1}));
}
