//! The commands of all pages: the shell can read them, and the program, the scripts and the front know what they say.

use super::blocks::blocks;
use super::{description, pages, root};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// The blocks of the shell in a page, with lines that go on joined.
fn of_shell(page: &str) -> Vec<String> {
    let of_shell = blocks(page).filter(|block| block.kind.split(' ').next() == Some("sh"));
    of_shell.map(|block| block.text.replace("\\\n", " ")).collect()
}

/// The commands of a program in a block: one of each line that begins with it, without what they are piped to.
fn calls<'a>(block: &'a str, program: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = block.lines().filter(move |line| line.starts_with(program));
    lines.map(|line| line.split(['|', '#', '&', '<', '>', ';']).next().unwrap().trim())
}

fn shell(arguments: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_BIN_EXE_recsys")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path)));
    Command::new("sh")
        .args(arguments)
        .current_dir(root())
        .env("PATH", path.unwrap())
        .output()
        .unwrap()
}

/// The blocks of all pages, each with the page's name.
fn all() -> Vec<(String, String)> {
    let name = |page: &Path| page.file_name().unwrap().to_string_lossy().into_owned();
    let all = pages().into_iter();
    all.flat_map(|(page, text)| of_shell(&text).into_iter().map(move |block| (name(&page), block)))
        .collect()
}

#[test]
fn the_shell_can_read_every_block() {
    let all = all();
    assert!(all.len() > 60, "{}", all.len());
    for (page, block) in all {
        let output = shell(&["-nc", &block]);
        assert!(output.status.success(), "{page}: {block}\n{output:?}");
    }
}

#[test]
fn the_program_knows_every_command() {
    let mut checked = 0;
    for (page, block) in all() {
        let built = block.replace("cargo run --release -- ", "recsys ");
        // With its help a command changes nothing, and what it does not know is an error all the same.
        for call in calls(&built, "recsys ") {
            let output = shell(&["-c", &format!("{call} --help")]);
            assert!(output.status.success(), "{page}: {call}\n{output:?}");
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn scripts_know_their_options() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    for (page, block) in all() {
        for call in calls(&block, "scripts/") {
            let mut words = call.split(' ');
            let script = words.next().unwrap();
            let help = helps.entry(script.to_owned()).or_insert_with(|| {
                let output = shell(&["-c", &format!("{script} --help")]);
                assert!(output.status.success(), "{page}: {script}\n{output:?}");
                String::from_utf8(output.stdout).unwrap()
            });
            let unknown = words.find(|word| word.starts_with("--") && !help.contains(word));
            assert_eq!(unknown, None, "{page}: {call}\n{help}");
        }
    }
    assert!(helps.len() > 1, "{helps:?}");
}

/// The method and the path that a command of curl asks for.
fn asked(call: &str) -> Option<(&'static str, &str)> {
    let (_, rest) = call.split_once("http://127.0.0.1:8080").or(call.split_once("$RECSYS_URL"))?;
    let path = rest.split(['?', '\'', '"', ' ']).next()?;
    let method = |name: &str| call.contains(&format!("-X {name}"));
    let method = match () {
        () if method("PUT") => "put",
        () if method("DELETE") => "delete",
        () if method("POST") || call.contains(" -d ") || call.contains(" --data") => "post",
        () => "get",
    };
    Some((method, path))
}

/// Whether a path is one of a pattern, whose parameters are in braces.
fn is_of(path: &str, pattern: &str) -> bool {
    let (mut parts, mut patterns) = (path.split('/'), pattern.split('/'));
    let same = parts
        .by_ref()
        .zip(patterns.by_ref())
        .all(|(part, pattern)| part == pattern || pattern.starts_with('{') && !part.is_empty());
    same && path.split('/').count() == pattern.split('/').count()
}

#[test]
fn the_front_has_every_address() {
    let description = description();
    let paths = description["paths"].as_object().unwrap();
    let mut checked = 0;
    for (page, block) in all() {
        for (method, path) in block.lines().filter(|line| line.contains("curl ")).filter_map(asked)
        {
            let is_there = paths
                .iter()
                .any(|(pattern, methods)| is_of(path, pattern) && methods.get(method).is_some());
            assert!(is_there, "{page}: {method} {path}");
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn commands_are_taken_apart() {
    let page = "a\n```sh run\nrecsys run \\\n  -w 2 & engine=$!\n  recsys not\n```\nb\n```json\nrecsys no\n```\n";
    let blocks = of_shell(page);
    assert_eq!(blocks.len(), 1);
    assert_eq!(calls(&blocks[0], "recsys ").collect::<Vec<_>>(), ["recsys run    -w 2"]);
    for (call, expected) in [
        ("curl 'http://127.0.0.1:8080/api/a/b?n=1'", Some(("get", "/api/a/b"))),
        ("curl -X PUT $RECSYS_URL/api/a -d x", Some(("put", "/api/a"))),
        ("curl \"$RECSYS_URL/api/a\" -d x", Some(("post", "/api/a"))),
        ("curl https://elsewhere/api", None),
    ] {
        assert_eq!(asked(call), expected, "{call}");
    }
    for (path, pattern, expected) in [
        ("/api/a/b", "/api/{x}/b", true),
        ("/api/a", "/api/{x}/b", false),
        ("/api/a/b/c", "/api/{x}/b", false),
        ("/api//b", "/api/{x}/b", false),
    ] {
        assert_eq!(is_of(path, pattern), expected, "{path} {pattern}");
    }
}
