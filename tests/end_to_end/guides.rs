//! The commands of README.md and of pages of docs/, against a demo.
//!
//! A block of `sh demo` starts it, or has it killed and started again; a page without one has a demo from the beginning. A
//! block of `sh run` is run beside it. What follows one as `json exactly` is what it prints; of what follows as `json` it
//! prints every field.

use crate::blocks::{Block, blocks};
use crate::harness::{alone, bounded, eventually, free_port, try_call};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const README: &str = include_str!("../../README.md");
const TOUR: &str = include_str!("../../docs/tour.md");
const RANKING: &str = include_str!("../../docs/ranking.md");
const MERCHANDISING: &str = include_str!("../../docs/merchandising.md");

/// Where the guides have the demo.
const ADDRESS: &str = "127.0.0.1:8080";

/// The demo of a guide, killed when dropped.
struct Demo<'a> {
    folder: &'a Path,
    port: u16,
    child: Option<Child>,
}

impl Demo<'_> {
    fn new(folder: &Path) -> Demo<'_> {
        // An error is curl's as well.
        std::fs::write(folder.join(".curlrc"), "fail-with-body\n").unwrap();
        Demo { folder, port: free_port(), child: None }
    }

    /// Starts it by a line of a guide, once it is no longer there.
    fn start(&mut self, line: &str) {
        self.kill();
        let arguments = ["cargo run --release -- ", "recsys "]
            .iter()
            .find_map(|program| line.strip_prefix(program))
            .unwrap_or_else(|| panic!("{line:?} is not the program's"));
        let mut program = alone(self.folder);
        program.args(arguments.split(' ')).args(["--port", &self.port.to_string()]);
        program.env("TMPDIR", self.folder).env("RECSYS_LOG", "warn").stdout(Stdio::null());
        self.child = Some(program.spawn().unwrap());
        let port = self.port;
        eventually("the demo is ready", || {
            let answer = try_call(port, "GET", "/readyz", "", Duration::from_secs(30));
            answer.is_some_and(|(status, _)| status == 200)
        });
    }

    /// Runs the commands of a guide, which must succeed; what they print.
    fn run(&self, commands: &str) -> String {
        let here = format!("127.0.0.1:{}", self.port);
        let built = Path::new(env!("CARGO_BIN_EXE_recsys")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-euc", &commands.replace(ADDRESS, &here)]).current_dir(self.folder);
        shell.env("PATH", format!("{}:{path}", built.display()));
        shell.env("CURL_HOME", self.folder).env("RECSYS_HTTP_LISTEN", &here);
        let Output { status, stdout, stderr } = bounded(shell).output().unwrap();
        let (told, error) = (String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{commands}\n{told}\n{error}");
        assert!(!told.is_empty(), "{commands}\nprints nothing");
        told
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended can't be killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Demo<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The names of the fields of a sample, which may leave out values.
fn names(sample: &str) -> Vec<&str> {
    let mut before: Vec<&str> = sample.split("\":").collect();
    before.pop();
    before.into_iter().map(|text| text.rsplit('"').next().unwrap()).collect()
}

/// Whether a sample is true of what was printed.
fn shows(sample: &Block<'_>, printed: &str) -> bool {
    if sample.kind == "json exactly" {
        let expected: Value = serde_json::from_str(sample.text).unwrap();
        return serde_json::from_str(printed).is_ok_and(|printed: Value| printed == expected);
    }
    names(sample.text).iter().all(|name| printed.contains(&format!("\"{name}\":")))
}

/// Does what a guide says, and sees what it says.
fn follow(guide: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::new(folder.path());
    let blocks: Vec<Block<'_>> = blocks(guide).collect();
    if !blocks.iter().any(|block| block.kind == "sh demo") {
        demo.start("recsys demo");
    }
    let mut ran = 0;
    for (index, block) in blocks.iter().enumerate() {
        match block.kind {
            "sh demo" => demo.start(block.text),
            "sh run" => {
                let printed = demo.run(block.text);
                ran += 1;
                let sample = blocks.get(index + 1).filter(|next| next.kind.starts_with("json"));
                let Some(sample) = sample else { continue };
                // A question may be asked again: a setting is in force a moment after it is stored.
                let is_question = ![" -d ", " -X "].iter().any(|it| block.text.contains(it));
                let what = format!("{}\nshows\n{}", block.text, sample.text);
                if is_question && !shows(sample, &printed) {
                    eventually(&what, || shows(sample, &demo.run(block.text)));
                } else {
                    assert!(shows(sample, &printed), "{what}\nand prints\n{printed}");
                }
            }
            _ => {}
        }
    }
    assert!(ran > 0, "nothing is run");
}

#[test]
#[ignore = "needs curl, which scripts/test installs"]
fn every_command_of_the_readme_works() {
    follow(README);
}

#[test]
#[ignore = "needs curl, which scripts/test installs"]
fn every_command_of_the_tour_works_and_shows_what_it_says() {
    follow(TOUR);
}

#[test]
#[ignore = "needs curl, which scripts/test installs"]
fn commands_of_the_pages_on_rankings_work() {
    follow(RANKING);
    follow(MERCHANDISING);
}

#[test]
fn blocks_and_samples_are_read() {
    let guide = "a\n```sh run\nls\nls\n```\nb\n\n```json exactly\n{}\n```\n";
    let read = blocks(guide);
    let read: Vec<_> = read.map(|block| (block.kind, block.text)).collect();
    assert_eq!(read, [("sh run", "ls\nls"), ("json exactly", "{}")]);

    let sample = |kind, text| Block { kind, text };
    let cut = sample("json", r#"[{"id": "a", "why": [{"type": "tag", …}]}, …]"#);
    for (sample, printed, is_shown) in [
        (&cut, r#"[{"id":1,"why":[{"type":2}]}]"#, true),
        (&cut, r#"[{"id":1,"why":[]}]"#, false),
        (&sample("json exactly", r#"{"a": 1, "b": 2}"#), r#"{"b":2,"a":1}"#, true),
        (&sample("json exactly", r#"{"a": 1}"#), r#"{"a":1,"b":2}"#, false),
        (&sample("json exactly", "{}"), "no JSON", false),
    ] {
        assert_eq!(shows(sample, printed), is_shown, "{} of {printed}", sample.text);
    }
}
