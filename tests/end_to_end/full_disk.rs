//! A disk that is full: what was acknowledged is stored, and nothing else is.

use crate::harness::{Process, event};
use serde_json::{Value, json};
use std::path::Path;

/// Posts a batch; returns how many of it were acknowledged.
fn post(process: &Process, events: &[Value]) -> u64 {
    let (status, body) =
        process.try_call("POST", "/api/user-behavior", &json!(events).to_string()).unwrap();
    match status {
        201 => serde_json::from_str::<Value>(&body).unwrap()["stored"].as_u64().unwrap(),
        _ => {
            assert_eq!(status, 503, "{body}");
            0
        }
    }
}

fn length(folder: &Path, topic: &str) -> u64 {
    let file = folder.join("data").join(topic).with_extension("jsonl");
    std::fs::metadata(file).map_or(0, |file| file.len())
}

#[test]
fn a_batch_that_does_not_fit_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::on_a_small_disk(folder.path(), 16);
    let view = event("view", "ann", "lamp", &["light"]);
    let mut stored = 0;
    // Of the batches one stops in the midst of the file's last kilobytes.
    while post(&process, &vec![view.clone(); 30]) == 30 {
        stored += 30;
    }
    let full = length(folder.path(), "view-events");
    assert!(stored > 0 && full > 0 && full < 16 << 10, "{stored} {full}");
    assert_eq!(post(&process, &vec![view.clone(); 30]), 0);
    assert_eq!(length(folder.path(), "view-events"), full);
    // Nor is anything of it stored in another topic.
    let mut batch = vec![view.clone(); 30];
    batch.push(event("add_to_cart", "ann", "lamp", &["light"]));
    batch.push(event("purchase", "ann", "lamp", &["light"]));
    assert_eq!(post(&process, &batch), 0);
    assert_eq!(length(folder.path(), "add-to-cart-events"), 0);
    assert_eq!(length(folder.path(), "purchase-events"), 0);
    // What fits is stored.
    assert_eq!(post(&process, std::slice::from_ref(&view)), 1);
    stored += 1;
    process.reads("ann", &json!({"light": stored}));
    process.kill();
    let process = Process::embedded(folder.path(), "2");
    assert_eq!(process.profile("ann"), json!({"light": stored}));
    assert_eq!(process.metric("recsys_dead_letters_total", &[]), 0.0);
}
