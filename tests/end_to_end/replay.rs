//! A public click set, replayed into topic files.

use crate::harness::{Process, alone, event, eventually};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// What is trending after one live click on `new`, when clicks of 2017 were replayed before.
fn trending(more: &[&str]) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let clicks = "1,10,7,pv,1511544070\n2,20,7,buy,1511544071\n3,30,8,pv,1511544072\n";
    std::fs::write(folder.path().join("clicks.csv"), clicks).unwrap();
    let mut replay = alone(folder.path());
    replay.args(["replay", "--format", "taobao", "--to", "files", "clicks.csv"]).args(more);
    assert!(replay.stdout(Stdio::null()).status().unwrap().success());
    let process = Process::embedded(folder.path(), "2");
    process.post(&json!([event("view", "ann", "new", &["8"])]));
    let products = process.get("/api/trending?n=10");
    let id = |product: &Value| product["id"].as_str().unwrap().to_owned();
    products.as_array().unwrap().iter().map(id).collect()
}

#[test]
fn a_live_click_stands_beside_what_was_replayed() {
    let texts = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(trending(&[]), texts(&["10", "20", "30", "new"]));
    assert_eq!(trending(&["--as-recorded"]), texts(&["new"]));
}

#[test]
fn the_end_tells_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    // An hour apart: the second is not awaited.
    let clicks = "1,10,7,pv,1511544070\n2,20,7,pv,1511547670\n";
    std::fs::write(folder.path().join("clicks.csv"), clicks).unwrap();
    for (speed, interrupts, code, expected) in [
        ("max", false, 0, "2 events sent in "),
        ("1", true, 130, "recsys: interrupted; 1 events sent in "),
    ] {
        let data = folder.path().join("data");
        let _ = std::fs::remove_dir_all(&data);
        let mut replay = alone(folder.path());
        replay.args(["replay", "--format", "taobao", "--to", "files", "--speed", speed]);
        replay.args(["clicks.csv"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let replay = replay.spawn().unwrap();
        if interrupts {
            let topic = data.join("view-events.jsonl");
            eventually("the first", || topic.metadata().is_ok_and(|topic| topic.len() > 0));
            let kill = format!("kill -INT {}", replay.id());
            assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        }
        let output = replay.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.lines().any(|line| line.starts_with(expected)), "{said}");
    }
}
