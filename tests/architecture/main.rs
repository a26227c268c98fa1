//! What may know of what. The tables are the rule; the code is held to them.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every module of `src/`, and which others it may name. Data passes sources → engine → sinks; only
/// the command line, which puts everything together, knows of all.
const MAY_NAME: [(&str, &[&str]); 14] = [
    ("config", &[]),
    ("event", &["engine"]),
    ("sources", &["engine", "event"]),
    ("settings", &["config", "event"]),
    ("cluster", &["config"]),
    ("engine", &["cluster", "config", "metrics", "sinks"]),
    ("sinks", &["config", "metrics"]),
    ("http", &["engine", "event", "metrics", "readiness", "settings"]),
    ("metrics", &[]),
    ("readiness", &[]),
    ("turns", &[]),
    ("generator", &["event"]),
    ("evaluate", &["event"]),
    (
        "cli",
        &[
            "cluster",
            "config",
            "engine",
            "evaluate",
            "event",
            "generator",
            "http",
            "metrics",
            "readiness",
            "settings",
            "sources",
        ],
    ),
];

/// What `dataflows` may depend on: nothing that does I/O.
const DATAFLOWS_MAY_USE: [&str; 3] = ["differential-dataflow", "serde", "timely"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(at: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => rust_files(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The modules that a text names as `crate::module`, or in `crate::{module, …}`.
fn named(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let first = |path: &str| path.trim_start().split(|c| !is_name(c)).next().unwrap().to_owned();
    let mut names = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(first(rest));
            continue;
        };
        // Commas of inner groups part no modules.
        let mut depth = 1;
        let mut begin = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && c == ',') {
                names.insert(first(&group[begin..at]));
                begin = at + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    names.remove("");
    names
}

#[test]
fn what_a_text_names() {
    for (text, expected) in [
        ("", &[][..]),
        ("use crate::config;", &["config"]),
        ("fn f(c: &crate::config::Config, e: crate::event::Event) {}", &["config", "event"]),
        (
            "use crate::{config::{A, b}, http::{self, c::{D, E}}, sinks};",
            &["config", "http", "sinks"],
        ),
        ("use crate::{\n    engine,\n};", &["engine"]),
    ] {
        assert_eq!(named(text).iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn modules_name_only_what_the_table_lets_them() {
    let src = root().join("src");
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in rust_files(&src) {
        let module = file.strip_prefix(&src).unwrap().iter().next().unwrap().to_str().unwrap();
        let module = module.trim_end_matches(".rs").to_owned();
        names.entry(module).or_default().extend(named(&std::fs::read_to_string(&file).unwrap()));
    }
    // The crate's roots say what there is, and do nothing.
    names.retain(|module, _| module != "lib" && module != "main");
    let modules: BTreeSet<_> = names.keys().cloned().collect();
    let table: BTreeMap<_, _> = MAY_NAME.into_iter().collect();
    assert!(modules.iter().map(String::as_str).eq(table.keys().copied()), "{modules:?}");
    for module in &modules {
        let others: BTreeSet<_> =
            names[module].intersection(&modules).filter(|m| *m != module).collect();
        let others: Vec<_> = others.into_iter().map(String::as_str).collect();
        assert_eq!(others, table[module.as_str()], "what src/{module} names");
    }
}

#[test]
fn dataflows_depends_on_nothing_that_does_io() {
    let manifest = std::fs::read_to_string(root().join("dataflows/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies: Vec<_> = manifest["dependencies"].as_table().unwrap().keys().collect();
    assert_eq!(dependencies, DATAFLOWS_MAY_USE);
    for banned in ["std::fs", "std::net", "std::thread", "std::process", "std::env", "SystemTime"] {
        for file in rust_files(&root().join("dataflows/src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(!text.contains(banned), "{} names {banned}", file.display());
        }
    }
}

#[test]
fn unsafe_code_is_in_two_places() {
    let folders = ["src", "dataflows", "tests", "scripts/bench.d", "fuzz/fuzz_targets"];
    let files = folders.into_iter().flat_map(|folder| rust_files(&root().join(folder)));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = files.filter(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        // In two, so that this file does not name it.
        text.split(|c| !is_word(c)).any(|word| word == concat!("un", "safe"))
    });
    let allowed = ["src/sources/kafka/queue.rs", "src/turns.rs"].map(|file| root().join(file));
    assert_eq!(named.collect::<BTreeSet<_>>(), BTreeSet::from(allowed));
}
