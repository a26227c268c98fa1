//! The commands that ask a running engine, as a person types them.

use crate::harness::{Process, alone, eventually, free_port};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

fn recsys(folder: &Path, line: &str, port: u16) -> Command {
    let mut command = alone(folder);
    command.args(line.split_whitespace()).env("RECSYS_HTTP_LISTEN", format!("127.0.0.1:{port}"));
    command
}

/// An engine without services.
fn engine(folder: &Path) -> Process {
    let process = Process::spawn(alone(folder), "1", &[]);
    process.wait_ready();
    process
}

/// What a command prints, which must succeed.
fn told(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let error = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {error}");
    String::from_utf8(stdout).unwrap()
}

#[test]
fn what_an_engine_knows_is_told_in_words_and_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let process = engine(folder.path());
    let events: Vec<Value> = ["mug", "pen", "mug"]
        .iter()
        .enumerate()
        .map(|(second, product)| {
            json!({"eventType": "view", "userId": "ann b", "product": product, "tags": ["office"],
                   "timestamp": format!("2025-04-01T12:00:0{second}.000Z")})
        })
        .collect();
    let body = Value::from(events).to_string();
    process.call("POST", "/api/user-behavior?wait=visible", &body);
    let ask = |words: &[&str]| {
        let mut command = recsys(folder.path(), "", process.port);
        told(command.args(words))
    };
    let user = ask(&["user", "ann b"]);
    assert!(user.starts_with("ann b: 3 views, 0 carts, 0 purchases, the last on 2025"), "{user}");
    assert!(user.contains("\noffice  3  ███"), "{user}");
    let user: Value = serde_json::from_str(&ask(&["user", "ann b", "--json"])).unwrap();
    assert_eq!(user["activity"]["totals"]["view"], 3);
    assert_eq!(ask(&["user", "nobody"]), "nobody: nothing is known of this user\n");
    let ranking = ask(&["recommend", "ann b", "-n", "1"]);
    assert!(ranking.starts_with("1  ") && ranking.lines().count() == 1, "{ranking}");
    let why = ask(&["why", "ann b", "cup"]);
    assert!(why.starts_with("cup is not shown") && why.contains("leads to it"), "{why}");
    let status = ask(&["status"]);
    assert!(status.contains("ready") && status.contains("view-events"), "{status}");

    assert_eq!(ask(&["weights", "set", "view=2.50", "--json"]).matches("2.50").count(), 1);
    eventually("they are in force", || ask(&["user", "ann b"]).contains("\noffice  7.5  ███"));
    assert_eq!(ask(&["weights"]), "view         2.5\nadd_to_cart    3\npurchase       5\n");
    let refused = recsys(folder.path(), "weights set view=-1", process.port).output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && error.contains("view must be a number"), "{error}");
    assert!(ask(&["rules"]).starts_with("there are no rules"));
    let rules = r#"[{"id": "sale", "action": "pin", "place": 1, "product": "pen"}]"#;
    process.call("PUT", "/api/config/recommendation/rules", rules);
    eventually("the rule is in force", || {
        ask(&["rules"]) == "sale  pin to place 1  product pen  always\n"
    });
    let changes = process.get("/api/changes");
    let paths: Vec<&Value> =
        changes["changes"].as_array().unwrap().iter().map(|change| &change["path"]).collect();
    assert_eq!(paths, ["/config/recommendation/rules", "/config/recommendation/weights"]);

    let tail = recsys(folder.path(), "tail -n 1 --json", process.port);
    let event = std::thread::scope(|scope| {
        let tail = scope.spawn(|| {
            let mut tail = tail;
            told(&mut tail)
        });
        // It hears what comes while it listens.
        while !tail.is_finished() {
            process.call("POST", "/api/user-behavior?wait=visible", &body);
        }
        tail.join().unwrap()
    });
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(event["userId"], "ann b");
}

#[test]
fn the_program_alone_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let next = |port: u16, services: &str| {
        told(recsys(folder.path(), "", port).env("RECSYS_KAFKA_BROKERS", services))
    };
    let nothing = next(free_port(), "");
    assert!(
        nothing.contains("No engine runs here") && nothing.contains("recsys demo"),
        "{nothing}"
    );
    let configured = next(free_port(), "127.0.0.1:9");
    assert!(configured.contains("recsys check all"), "{configured}");
    let process = engine(folder.path());
    let running = next(process.port, "");
    assert!(running.contains("recsys status --watch"), "{running}");
}

#[test]
fn manual_pages_are_there_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(told(&mut recsys(folder.path(), "man pages", 1)), "");
    let page =
        |name: &str| std::fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
    assert!(page("recsys.1").contains(".TH recsys 1"));
    assert!(page("recsys-weights-set.1").contains("KIND=WEIGHT"));
}
