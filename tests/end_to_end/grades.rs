//! What visitors touch next grades the recommendations and teaches them: it is told, counted and kept.

use crate::harness::{Process, alone, event, eventually};
use serde_json::{Value, json};
use std::path::Path;

const WEIGHTS: &str = "/api/ranking/weights";
const PRODUCTS: [&str; 6] = ["cup", "mug", "pen", "rug", "fan", "jar"];

/// A process that grades all visitors, however many there are.
fn started(folder: &Path) -> Process {
    let mut program = alone(folder);
    program.env("RECSYS_GRADING_SHARE", "1").env("RECSYS_GRADING_PER_SECOND", "1000000");
    Process::quiet(program, "2")
}

/// Each of the visitors views products, one after the other.
fn visit(process: &Process, visitors: std::ops::Range<usize>, products: &[&str]) {
    for product in products {
        let view = |visitor| event("view", &format!("visitor {visitor}"), product, &["all"]);
        process.post(&visitors.clone().map(view).collect());
    }
}

/// The number of graded lists of recommendations.
fn graded(process: &Process) -> Value {
    process.get("/api/quality")["total"]["in_force"]["all"]["lists"].take()
}

/// The types of the reasons of what is recommended to a visitor.
fn reasons(process: &Process, visitor: &str) -> Vec<String> {
    let ranking = process.get(&format!("/api/recommendations/{visitor}"));
    let reasons =
        ranking.as_array().unwrap().iter().flat_map(|it| it["reasons"].as_array().unwrap());
    let mut types: Vec<String> =
        reasons.map(|reason| reason["type"].as_str().unwrap().to_owned()).collect();
    types.sort_unstable();
    types.dedup();
    types
}

#[test]
fn what_comes_next_is_graded_weights_are_pinned_and_a_restart_keeps_both() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path());
    visit(&process, 0..5, &PRODUCTS[..4]);
    // The first product of a visitor comes after nothing.
    eventually("all others are graded", || graded(&process) == json!(15));
    for ranking in ["in_force", "start", "popular", "last_seen"] {
        let labels = ["products=\"all\"", &format!("ranking=\"{ranking}\"")];
        assert_eq!(process.metric("recsys_graded_lists_total", &labels), 15.0, "{ranking}");
    }
    // Nobody came back to what they had seen.
    let quality = process.get("/api/quality?days=1");
    let total = &quality["total"];
    assert_eq!(total["last_seen"]["all"]["hr@20"]["value"], 0.0);
    assert_eq!(total["in_force"]["new"]["lists"], 15);
    assert_eq!(quality["days"][0]["rankings"], *total);
    assert_eq!(process.metric("recsys_grading_skipped_events_total", &[]), 0.0);

    let start = process.get(WEIGHTS);
    assert_eq!((&start["inForce"], &start["now"]), (&json!("start"), &start["start"]));
    assert!(reasons(&process, "visitor%201").contains(&"tag".to_owned()));
    let (status, told) = process.try_call("POST", "/api/ranking/weights/accept", "").unwrap();
    assert_eq!(status, 409, "{told}");
    assert!(told.contains("of 1000 needed"), "{told}");
    let (status, told) = process.try_call("PUT", WEIGHTS, r#"{"weights":[[1]]}"#).unwrap();
    assert_eq!(status, 400, "{told}");

    // Of all sources, what is popular alone.
    let is_popular = |source: &Value| f64::from(u8::from(*source == "popular"));
    let of_gate: Vec<f64> = start["sources"].as_array().unwrap().iter().map(is_popular).collect();
    let pinned = json!(vec![of_gate; 6]);
    process.call("PUT", WEIGHTS, &json!({"weights": &pinned}).to_string());
    let is_pinned = |process: &Process| {
        let weights = process.get(WEIGHTS);
        weights["inForce"] == "pinned" && weights["now"] == pinned
    };
    eventually("it is in force", || is_pinned(&process));
    assert_eq!(reasons(&process, "visitor%201"), ["popular"]);

    let quality = process.get("/api/quality");
    let before = process.get(WEIGHTS);
    process.call("POST", "/api/admin/checkpoint", "");
    process.kill();
    let process = started(folder.path());
    assert_eq!(process.get("/api/quality"), quality);
    assert!(is_pinned(&process));
    assert_eq!(process.get(WEIGHTS)["gradedEvents"], before["gradedEvents"]);
    process.call("PUT", WEIGHTS, r#"{"weights":null}"#);
    eventually("it is unpinned", || process.get(WEIGHTS)["inForce"] == "start");
}

#[test]
fn weights_are_learned_from_a_thousand_events_accepted_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path());
    let mut visitors = 0;
    eventually("weights are learned", || {
        visit(&process, visitors..visitors + 100, &PRODUCTS);
        visitors += 100;
        process.get(WEIGHTS)["inForce"] == "learned"
    });
    let learned = process.get(WEIGHTS);
    assert_eq!(learned["now"], learned["learned"]);
    assert_ne!(learned["now"], learned["start"]);
    assert!(learned["gradedEvents"].as_u64() >= learned["enoughEvents"].as_u64());
    process.call("POST", "/api/ranking/weights/accept", "");
    eventually("they are pinned", || process.get(WEIGHTS)["inForce"] == "pinned");
    let node = process.get("/api/config/recommendation/ranking");
    assert_eq!((&node["pinned"], &node["resets"]), (&learned["now"], &json!(0)));

    process.call("POST", "/api/ranking/weights/reset", "");
    eventually("it is read", || process.get(WEIGHTS)["resets"] == 1);
    visit(&process, 0..2, &["mug", "pen"]);
    eventually("it is forgotten", || {
        let weights = process.get(WEIGHTS);
        weights["inForce"] == "start" && weights["gradedEvents"].as_u64().unwrap() < 10
    });
    assert!(graded(&process).as_u64().unwrap() >= 1_000, "grades stay");
}
