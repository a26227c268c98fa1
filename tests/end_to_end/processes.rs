//! Several processes.

use crate::harness::{Process, event, eventually, free_port, prefix, services};
use serde_json::{Value, json};

#[test]
#[ignore = "needs the services that scripts/test starts"]
fn two_processes_answer_as_one_does() {
    let _services = services();
    let hosts = format!("hosts=127.0.0.1:{},127.0.0.1:{}", free_port(), free_port());
    let asks = ["/api/user-profile/gus", "/api/recommendations/gus?n=20", "/api/trending?n=20"];
    let events: Vec<Value> = (0..30)
        .map(|i| {
            let (user, product, tag) = (i % 3, format!("thing{}", i % 7), format!("tag{}", i % 4));
            event("view", ["gus", "hal", "ida"][user], &product, &[&tag])
        })
        .collect();
    let one = Process::ready(&prefix("pair"), "1");
    one.weigh(1);
    one.post(&json!(events));
    let expected: Vec<Value> = asks.iter().map(|ask| one.get(ask)).collect();
    drop(one);
    let two = ["0", "1"].map(|process| {
        Process::start(&prefix("pair"), "2", &["--set", &hosts, "--process", process])
    });
    for process in &two {
        process.wait_ready();
        for (ask, expected) in asks.iter().zip(&expected) {
            eventually(ask, || process.get(ask) == *expected);
        }
    }
    for (index, process) in two.iter().enumerate() {
        eventually("both are members", || {
            let members = process.get("/api/status")["members"].clone();
            members.as_array().is_some_and(|members| {
                let of = |member: &Value| (member["process"].clone(), member["workers"].clone());
                let all: Vec<_> = members.iter().map(of).collect();
                all == [(json!(0), json!(2)), (json!(1), json!(2))]
            })
        });
        let member = &process.get("/api/status")["members"][index];
        assert_eq!(member["http"], format!("127.0.0.1:{}", process.port));
        assert_eq!(member["pid"], process.id());
        assert!(member["host"].is_string() && member["since"].is_string(), "{member}");
    }
    two[1].post(&json!([event("view", "gus", "new", &["fresh"])]));
    assert_eq!(two[0].profile("gus")["fresh"], json!(1));
}
