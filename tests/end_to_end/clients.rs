//! The examples of docs/clients.md, against a running engine.

use crate::harness::{Process, alone, bounded, event};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const EXAMPLES: &str = include_str!("../../docs/clients.md");

/// The one example in a language.
fn example(language: &str) -> &str {
    let begin = format!("```{language}\n");
    let mut examples = EXAMPLES.split(&*begin).skip(1);
    let example = examples.next().unwrap_or_else(|| panic!("there is no {language}"));
    assert!(examples.next().is_none(), "there are several in {language}");
    example.split("```").next().unwrap()
}

/// An engine that wants tokens, and one for writing.
fn engine(folder: &Path) -> (Process, String) {
    let mut program = alone(folder);
    program.args(["token", "new", "--name", "shop", "--scope", "write", "--file", "tokens"]);
    let made: Value = serde_json::from_slice(&program.output().unwrap().stdout).unwrap();
    let token = made["token"].as_str().unwrap().to_owned();
    let mut program = alone(folder);
    program.env("RECSYS_LOG", "off").env("RECSYS_HTTP_TOKENS_FILE", "tokens");
    program.env("RECSYS_HTTP_READS", "token");
    let process = Process::spawn(program, "1", &[]);
    process.wait_ready();
    // Two visitors went from the radio to the lamp.
    let views = ["ann", "bob"]
        .map(|user| ["radio", "lamp"].map(|product| event("view", user, product, &["home"])));
    process.post(&json!(views.concat()));
    (process, token)
}

fn told(mut program: Command, process: &Process, token: &str) -> String {
    program.env("RECSYS_URL", format!("http://127.0.0.1:{}", process.port));
    program.env("RECSYS_TOKEN", token);
    let Output { status, stdout, stderr } = bounded(program).output().unwrap();
    let (told, error) = (String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{told}\n{error}");
    told
}

#[test]
#[ignore = "needs curl, Python and Chromium, which scripts/test installs"]
fn every_example_tells_what_a_visitor_does_and_asks_what_to_show() {
    let folder = tempfile::tempdir().unwrap();
    let (process, token) = engine(folder.path());
    let mut shell = Command::new("sh");
    shell.args(["-ec", example("sh")]);
    let mut python = Command::new("python3");
    python.args(["-c", example("python")]);
    let built = Path::new(env!("CARGO_BIN_EXE_recsys")).with_file_name("examples/client");
    for (language, program) in [("sh", shell), ("python", python), ("rust", Command::new(built))] {
        let told = told(program, &process, &token);
        assert!(told.contains("lamp"), "{language}: {told}");
    }
    let page = folder.path().join("page.html");
    let example = example("js");
    let url = format!("http://127.0.0.1:{}", process.port);
    let shown = "list => document.body.textContent = list.map(product => product.id)";
    let script = format!("{example}\nrecommend('{url}', '{token}', 'user1').then({shown})");
    std::fs::write(&page, format!("<body><script type=module>{script}</script>")).unwrap();
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    browser.arg("--virtual-time-budget=10000");
    browser.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    browser.arg(format!("file://{}", page.display()));
    let told = told(browser, &process, &token);
    assert!(told.contains("lamp</body>") || told.contains("lamp,"), "js: {told}");
}
