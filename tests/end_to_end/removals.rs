//! Carts that are taken back: from posts to profiles, activity, trends and Redis, over restarts, and however late.

use crate::harness::{Process, alone, event, eventually, prefix, services};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Starts a process on the files of a folder, and waits until it has caught up.
fn process(folder: &Path, mode: &str, workers: &str, more: &[&str]) -> Process {
    let mut program = alone(folder);
    program.env("RECSYS_LOG", "warn");
    let mode = format!("views.mode={mode}");
    let process = Process::spawn(program, workers, &[&["--set", &mode], more].concat());
    process.wait_ready();
    process
}

/// An event in a minute of an hour that was over when the tests began; the product's tag is its name with an `s`.
fn at(minute: u64, kind: &str, user: &str, product: &str) -> Value {
    static BEGIN: OnceLock<u64> = OnceLock::new();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let begin = BEGIN.get_or_init(|| (now() / 3600 - 2) * 3600);
    let mut event = event(kind, user, product, &[&format!("{product}s")]);
    event["timestamp"] = json!(begin + 60 * minute);
    event
}

fn digests(process: &Process) -> Value {
    process.get("/api/status")["digests"]["views"].take()
}

#[test]
fn a_removal_takes_a_cart_back_over_restarts_and_however_late_either_comes() {
    for mode in ["all", "profile"] {
        let folder = tempfile::tempdir().unwrap();
        let first = process(folder.path(), mode, "2", &[]);
        let (cart, removal) = ("add_to_cart", "remove_from_cart");
        first.post(&json!([
            at(1, cart, "ann", "lamp"),
            at(2, cart, "ann", "mug"),
            at(3, "view", "ann", "rug"),
            at(4, cart, "bob", "lamp"),
        ]));
        assert_eq!(first.profile("ann"), json!({"lamps": 3, "mugs": 3, "rugs": 1}));
        first.post(&at(5, removal, "ann", "lamp"));
        assert_eq!(first.profile("ann"), json!({"mugs": 3, "rugs": 1}));
        assert_eq!(first.profile("bob"), json!({"lamps": 3}));
        // It is before the cart, and so are both of what comes late.
        first.post(&at(1, removal, "ann", "mug"));
        assert_eq!(first.profile("ann"), json!({"mugs": 3, "rugs": 1}));
        first.post(&at(0, cart, "ann", "mug"));
        assert_eq!(first.profile("ann"), json!({"mugs": 3, "rugs": 1}));
        if mode == "all" {
            let activity = first.get("/api/user-activity/ann");
            assert_eq!(activity["totals"], json!({"view": 1, "add_to_cart": 1, "purchase": 0}));
            let popular = first.get("/api/trending?tag=lamps");
            assert_eq!(popular[0]["reasons"][0]["events"], 1, "bob's alone: {popular}");
        }
        let recent = first.get("/api/user-behavior?limit=100");
        let types = recent.as_array().unwrap().iter().map(|event| &event["eventType"]);
        assert_eq!(types.filter(|name| *name == removal).count(), 2, "{recent}");

        // An account takes back what it put into the cart as a guest.
        let mut guests = at(6, cart, "guest", "pen");
        guests["sessionId"] = guests["userId"].take();
        first.post(&guests);
        first.merge("ann", "guest");
        first.reads("ann", &json!({"mugs": 3, "pens": 3, "rugs": 1}));
        first.post(&at(7, removal, "ann", "pen"));
        assert_eq!(first.profile("ann"), json!({"mugs": 3, "rugs": 1}));

        first.call("POST", "/api/admin/checkpoint", "");
        let before = digests(&first);
        first.kill();
        let second = process(folder.path(), mode, "3", &[]);
        assert_eq!(digests(&second), before);
        assert_eq!(second.profile("ann"), json!({"mugs": 3, "rugs": 1}));
        // There are two removals of the lamp now, which take two carts, and no third.
        second.post(&at(4, removal, "ann", "lamp"));
        second.post(&at(2, cart, "ann", "lamp"));
        assert_eq!(second.profile("ann"), json!({"mugs": 3, "rugs": 1}));
        second.post(&at(0, cart, "ann", "lamp"));
        assert_eq!(second.profile("ann"), json!({"lamps": 3, "mugs": 3, "rugs": 1}));
        let before = digests(&second);
        second.kill();
        let third = process(folder.path(), mode, "1", &["--rebuild"]);
        assert_eq!(digests(&third), before);
    }
}

#[test]
fn a_removal_in_another_topic_is_a_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "1");
    let removal = at(1, "remove_from_cart", "ann", "lamp");
    process.post(&at(0, "view", "ann", "lamp"));
    let topic = OpenOptions::new().append(true).open(folder.path().join("data/view-events.jsonl"));
    topic.unwrap().write_all(format!("{removal}\n").as_bytes()).unwrap();
    let refused = || process.metric("recsys_dead_letters_total", &["reason=\"wrong_type\""]);
    eventually("it is a dead letter", || refused() == 1.0);
    process.reads("ann", &json!({"lamps": 1}));
}

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn what_is_taken_back_leaves_redis() {
    let _services = services();
    let process = Process::ready(&prefix("removals"), "2");
    let user = format!("{}ann", prefix("removals"));
    process.weigh(1);
    process.post(&json!([at(1, "add_to_cart", &user, "lamp"), at(2, "view", &user, "mug")]));
    process.settles(&user, &json!({"lamps": 3, "mugs": 1}));
    process.post(&at(3, "remove_from_cart", &user, "lamp"));
    process.settles(&user, &json!({"mugs": 1}));
    // Of two carts one is left.
    process.post(&at(0, "add_to_cart", &user, "lamp"));
    process.settles(&user, &json!({"lamps": 3, "mugs": 1}));
}
