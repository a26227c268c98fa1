//! A public click set, replayed into topic files.

use crate::harness::{Process, alone, event};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Stdio;

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
