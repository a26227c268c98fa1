//! Settings in files: what is no value of a setting is refused whichever way it is written, and the
//! last good value outlives the process.

use crate::harness::{Process, alone, event, eventually};
use serde_json::{Value, json};
use std::path::Path;

const WEIGHTS: &str = "data/config/recommendation/weights";
const BLEND: &str = "data/config/recommendation/blend";
const RULES: &str = "data/config/recommendation/rules";
const RANKING: &str = "data/config/recommendation/ranking";
const NONSENSE: &str = r#"{"view":7,"add_to_cart":3}"#;

/// Starts a process, quiet, that may never be ready.
fn started(folder: &Path) -> Process {
    let mut program = alone(folder);
    program.env("RECSYS_LOG", "off");
    let process = Process::spawn(program, "1", &[]);
    eventually("it serves", || process.try_call("GET", "/healthz", "").is_some());
    process
}

/// Writes a node as a user with an editor does.
fn write_file(folder: &Path, node: &str, value: &str) {
    let file = folder.join(node);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, value).unwrap();
}

#[test]
fn nonsense_at_a_restart_leaves_the_last_good_settings_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    process.weigh(7);
    let blend = json!({"tags": 0.25}).to_string();
    process.try_call("PUT", "/api/config/recommendation/blend", &blend).unwrap();
    process.post(&json!([event("view", "ann", "cup", &["cups"])]));
    process.reads("ann", &json!({"cups": 7}));
    eventually("the blend", || process.get("/api/status")["blend"]["tags"] == json!(0.25));
    process.kill();
    for node in [WEIGHTS, BLEND] {
        write_file(folder.path(), node, NONSENSE);
    }

    let process = Process::embedded(folder.path(), "2");
    assert_eq!(process.profile("ann"), json!({"cups": 7}), "from the first answer on");
    let weights = json!({"view": 7, "add_to_cart": 3, "purchase": 5});
    assert_eq!(process.get("/api/recommendation/weights"), weights);
    let status = process.get("/api/status");
    assert_eq!((&status["weights"], &status["blend"]["tags"]), (&weights, &json!(0.25)));
    for (setting, reason) in [("weights", "missing field `purchase`"), ("blend", "unknown field")] {
        let stored = status["stored"][setting].as_str().unwrap();
        assert!(stored.starts_with("refused: ") && stored.contains(reason), "{stored}");
        let label = format!("setting=\"{setting}\"");
        assert_eq!(process.metric("recsys_settings_refused", &[&label]), 1.0);
    }
    // What is deleted while nobody looks comes back as it was.
    process.kill();
    std::fs::remove_file(folder.path().join(WEIGHTS)).unwrap();
    let process = Process::embedded(folder.path(), "2");
    assert_eq!(process.profile("ann"), json!({"cups": 7}));
}

#[test]
fn without_any_good_settings_nothing_is_answered_and_everybody_is_told_why() {
    for (node, setting, good) in [
        (WEIGHTS, "weights", r#"{"view":7,"add_to_cart":3,"purchase":5}"#),
        (BLEND, "blend", "{}"),
        (RULES, "rules", "[]"),
        (RANKING, "ranking", "{}"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_file(folder.path(), node, "nonsense");
        let process = started(folder.path());
        let reason = format!("/config/recommendation/{setting} holds no good value");
        let answer = |path: &str| process.try_call("GET", path, "").unwrap();
        eventually("it waits for the setting alone", || {
            let (status, body) = answer("/readyz");
            let ready: Value = serde_json::from_str(&body).unwrap();
            let told = ready["reasons"]["reads"].as_str().unwrap_or_default().contains(&reason);
            status == 503 && ready["awaited"] == json!(["model", setting]) && told
        });
        for path in ["/api/user-profile/ann", "/api/trending", "/api/recommendation/weights"] {
            let (status, body) = answer(path);
            assert_eq!(status, 503, "{path}");
            assert!(body.contains(&reason), "{path}: {body}");
        }
        assert_eq!(process.get("/api/status")[setting], Value::Null);
        assert_eq!(process.metric("recsys_model_known", &[]), 0.0);
        let path = format!("/api/config/recommendation/{setting}");
        assert_eq!(process.try_call("PUT", &path, good).unwrap().0, 200);
        process.wait_ready();
        assert_eq!(process.profile("ann"), json!({}));
        assert_eq!(process.metric("recsys_model_known", &[]), 1.0);
    }
}

#[test]
fn the_command_line_checks_what_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let config = |arguments: &[&str]| {
        let output = alone(folder.path()).arg("config").args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    for (path, value, reason) in [
        ("recommendation/blend", "nonsense", "bad blend: "),
        ("recommendation/blend", r#"{"nonsense":true}"#, "bad blend: "),
        ("recommendation/weights", NONSENSE, "bad weights: "),
        (
            "recommendation/rules",
            r#"[{"action":"hide"}]"#,
            "bad rules: rule 0: it is for no products",
        ),
        ("recommendation/ranking", r#"{"pinned":[]}"#, "bad ranking: pinned must be 6 lists"),
        ("/config/recommendation/wieghts", "{}", "no setting is at /config/recommendation/wieghts"),
        ("other", "{}", "no setting is at /config/other"),
    ] {
        let (code, _, told) = config(&["set", path, value]);
        assert_eq!(code, Some(64), "{path} {value}: {told}");
        assert!(told.contains(reason), "{told}");
    }
    assert!(!folder.path().join("data").exists(), "nothing is written");
    for (path, value, shown) in [
        (
            "recommendation/weights",
            r#"{"purchase":5,"view":7.0,"add_to_cart":3}"#,
            r#"{"view":7,"add_to_cart":3,"purchase":5}"#,
        ),
        ("custom/any", "text", "text"),
    ] {
        assert_eq!(config(&["set", path, value]).0, Some(0));
        assert_eq!(config(&["get", path]).1, format!("{shown}\n"));
    }
    assert_eq!(config(&["set", "recommendation/blend", r#"{"tags":0.25}"#]).0, Some(0));
    let blend: Value = serde_json::from_str(&config(&["get", "recommendation/blend"]).1).unwrap();
    assert_eq!((&blend["tags"], &blend["trend"]), (&json!(0.25), &json!(1.0)), "every field");
}
