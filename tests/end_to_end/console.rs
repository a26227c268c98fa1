//! The console, in a browser beside a whole engine: the tests of tests/browser, which Node runs.

use crate::harness::{Process, bounded, create_topics, prefix, served, service, services};
use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "needs the services that scripts/test starts, Node and Chromium"]
fn the_console_does_what_people_want_of_it() {
    let _services = services();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let parts = folder.join("node_modules");
    assert!(parts.is_dir(), "{} is missing: run this by scripts/test", parts.display());
    let (prefix, checkpoints) = (prefix("console"), tempfile::tempdir().unwrap());
    create_topics(&prefix);
    let mut program = served(&prefix);
    program.env("RECSYS_CHECKPOINT_URL", checkpoints.path());
    let process = Process::spawn(program, "1", &[]);
    process.wait_ready();
    let mut node = Command::new("node");
    // One file after the other: they set the same weights.
    node.args(["--test", "--test-concurrency=1"]).current_dir(&folder);
    node.env("RECSYS_TEST_URL", format!("http://127.0.0.1:{}", process.port));
    node.env("RECSYS_TEST_REDIS", service("RECSYS_TEST_REDIS"));
    let output = bounded(node).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}
