//! What may know of what. The tables are the rule; the code is held to them.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod modules;
mod source;
mod tests;
mod walk;

use modules::{Crate, Edges, find_loop};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every module of `src/`, and which others it may name. Data passes sources → engine → sinks; only
/// the command line, which puts everything together, knows of all.
const MAY_NAME: [(&str, &[&str]); 21] = [
    ("access", &[]),
    ("config", &["access"]),
    ("future", &[]),
    ("event_log", &[]),
    ("receipt", &[]),
    ("service_health", &[]),
    ("refused_records", &["event_log"]),
    ("source_health", &["event_log", "refused_records", "service_health"]),
    ("tls_probe", &[]),
    ("wall_clock", &[]),
    ("holder", &[]),
    (
        "sources",
        &[
            "access",
            "engine",
            "event_log",
            "metrics",
            "refused_records",
            "service_health",
            "source_health",
            "tls_probe",
            "wall_clock",
        ],
    ),
    ("settings", &["config", "future", "holder", "metrics", "service_health", "tls_probe"]),
    ("cluster", &["config"]),
    ("engine", &["cluster", "config", "event_log", "metrics"]),
    ("persistence", &["config", "engine", "metrics", "wall_clock"]),
    (
        "sinks",
        &[
            "access",
            "config",
            "engine",
            "holder",
            "metrics",
            "service_health",
            "tls_probe",
            "wall_clock",
        ],
    ),
    (
        "http",
        &[
            "access",
            "config",
            "engine",
            "event_log",
            "holder",
            "metrics",
            "persistence",
            "readiness",
            "receipt",
            "refused_records",
            "service_health",
            "settings",
            "source_health",
            "wall_clock",
        ],
    ),
    ("metrics", &[]),
    ("readiness", &[]),
    (
        "cli",
        &[
            "access",
            "cluster",
            "config",
            "engine",
            "event_log",
            "holder",
            "http",
            "metrics",
            "persistence",
            "readiness",
            "receipt",
            "service_health",
            "settings",
            "sinks",
            "sources",
            "wall_clock",
        ],
    ),
];

/// The same of `dataflows/src`, in the order of the data: each folder names only earlier ones.
const DATAFLOWS_MAY_NAME: [(&str, &[&str]); 16] = [
    ("time", &[]),
    ("held", &[]),
    ("record", &[]),
    ("score", &["time", "record"]),
    ("ids", &["time", "held", "score"]),
    ("arrange", &["time", "held", "score"]),
    ("stored", &["record", "score", "ids"]),
    ("inputs", &["time", "record", "score", "stored"]),
    ("ingest", &["time", "held", "record", "score", "ids", "arrange", "inputs"]),
    ("views", &["time", "held", "record", "score", "ids", "arrange", "ingest"]),
    ("moves", &["time", "held", "record", "score", "ids", "arrange", "ingest", "views"]),
    ("digest", &["time", "held", "record", "score", "ids", "arrange", "ingest", "views", "moves"]),
    (
        "cut",
        &[
            "time", "held", "record", "score", "ids", "arrange", "stored", "ingest", "views",
            "moves", "digest",
        ],
    ),
    ("ranking", &["time", "held", "record", "score", "ids", "arrange", "ingest", "views"]),
    (
        "questions",
        &[
            "time", "record", "score", "ids", "arrange", "inputs", "ingest", "views", "digest",
            "ranking",
        ],
    ),
    (
        "graph",
        &[
            "time",
            "held",
            "record",
            "score",
            "ids",
            "arrange",
            "inputs",
            "ingest",
            "views",
            "moves",
            "digest",
            "cut",
            "questions",
        ],
    ),
];

/// What `dataflows` may depend on: nothing that does I/O.
const DATAFLOWS_MAY_USE: [&str; 6] =
    ["columns", "differential-dataflow", "hashbrown", "serde", "siphasher", "timely"];

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

/// The Rust files of a folder, as paths below it and texts.
fn texts(folder: &str) -> Vec<(String, String)> {
    let root = root().join(folder);
    let text = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        (file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), text)
    };
    rust_files(&root).into_iter().map(text).collect()
}

/// Which files of a folder's crate name which.
fn edges(folder: &str) -> Edges {
    let texts = texts(folder);
    Crate::new(texts.iter().map(|(file, text)| (&**file, &**text))).edges()
}

/// Which of a folder's top modules name which others.
fn modules(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let top = |file: &str| file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
    let root = root().join(folder);
    let files = rust_files(&root);
    let files = files.iter().map(|file| file.strip_prefix(&root).unwrap().to_str().unwrap());
    let mut modules: BTreeMap<_, BTreeSet<_>> = files.map(|file| (top(file), [].into())).collect();
    for (from, to) in edges(folder).into_keys() {
        if top(&from) != top(&to) {
            modules.entry(top(&from)).or_default().insert(top(&to));
        }
    }
    // The crate's roots say what there is, and do nothing.
    modules.retain(|module, _| module != "lib" && module != "main");
    modules
}

/// Every module must name exactly the ones that its row of the table has.
fn check_table(folder: &str, table: &[(&str, &[&str])]) {
    let table: BTreeMap<String, BTreeSet<String>> = table
        .iter()
        .map(|&(module, names)| (module.into(), names.iter().map(|&name| name.into()).collect()))
        .collect();
    let modules = modules(folder);
    assert!(modules.keys().eq(table.keys()), "the modules of {folder}: {:?}", modules.keys());
    for (module, names) in &modules {
        assert_eq!(names, &table[module], "what {folder}/{module} names");
    }
}

#[test]
fn modules_name_only_what_the_table_lets_them() {
    check_table("src", &MAY_NAME);
}

/// The folders of all crates of the workspace.
fn crates() -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap().iter();
    let folders = members.map(|member| format!("{}/src", member.as_str().unwrap()));
    folders.chain(["src".to_owned()]).collect()
}

/// No two files of a crate may name each other, directly or through others.
fn check_loops(folder: &str) {
    let Some(files) = find_loop(&edges(folder)) else { return };
    let lines = files.into_iter().map(|(from, to, names)| {
        let names: Vec<_> = names.into_iter().collect();
        format!("\n  {folder}/{from} names {} of {to}", names.join(", "))
    });
    panic!("a loop of files:{}", lines.collect::<String>());
}

#[test]
fn the_walks_pass_each_file_once_in_the_order_of_the_tree() {
    let mut places = BTreeMap::new();
    for folder in crates() {
        let texts = texts(&folder);
        let files = Crate::new(texts.iter().map(|(file, text)| (&**file, &**text)));
        for (place, file) in files.in_order().into_iter().enumerate() {
            places.insert(format!("{folder}/{file}"), (folder.clone(), place));
        }
    }
    let markdown = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = walk::read(&markdown).unwrap();
    let faults = walk::faults(&table, |file| places.get(file).cloned());
    assert!(faults.is_empty(), "ARCHITECTURE.md: {faults:#?}");
}

#[test]
fn no_files_name_each_other_in_a_loop() {
    let binaries = [
        "scripts/bench.d/tool",
        "dataflows/examples/drive",
        "dataflows/tests/oracle",
        "tests/architecture",
        "tests/end_to_end",
    ];
    for folder in crates().iter().map(String::as_str).chain(binaries) {
        check_loops(folder);
    }
}

#[test]
fn folders_of_dataflows_name_only_earlier_ones() {
    for (index, (_, names)) in DATAFLOWS_MAY_NAME.iter().enumerate() {
        let earlier = DATAFLOWS_MAY_NAME[..index].iter().map(|(folder, _)| *folder);
        let earlier: Vec<_> = earlier.collect();
        assert!(names.iter().all(|name| earlier.contains(name)), "{names:?} of {earlier:?}");
    }
    check_table("dataflows/src", &DATAFLOWS_MAY_NAME);
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

/// Only the command line may use what serves nobody.
#[test]
fn only_the_command_line_names_offline() {
    for (file, text) in texts("src") {
        let names = text.contains("offline::");
        assert!(!names || file.starts_with("cli/"), "src/{file} names offline");
    }
}

#[test]
fn the_parser_depends_on_the_record_vocabulary_alone() {
    let manifest = std::fs::read_to_string(root().join("parser/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies: Vec<_> = manifest["dependencies"].as_table().unwrap().keys().collect();
    assert_eq!(dependencies, ["dataflows", "jiff", "serde", "serde_json", "thiserror"]);
    for (file, text) in texts("parser/src") {
        for rest in text.split("dataflows::").skip(1) {
            let is_vocabulary =
                rest.starts_with("record::") || rest.starts_with("score::weights::");
            assert!(is_vocabulary, "parser/src/{file} names dataflows::{rest:.20}");
        }
    }
}

/// What a checkpoint is of, only its writers know.
#[test]
fn checkpoints_depends_on_columns_alone_of_our_crates() {
    let manifest = std::fs::read_to_string(root().join("checkpoints/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    for (name, dependency) in dependencies {
        let is_ours = dependency.get("path").is_some();
        assert!(!is_ours || name == "columns", "checkpoints depends on {name}");
    }
    for banned in ["timely", "differential-dataflow", "rdkafka"] {
        assert!(!dependencies.contains_key(banned), "checkpoints depends on {banned}");
    }
}

#[test]
fn unsafe_code_is_in_one_place() {
    let folders = [
        "src",
        "dataflows",
        "parser",
        "checkpoints",
        "columns",
        "offline",
        "tests",
        "scripts/bench.d",
        "fuzz/fuzz_targets",
    ];
    let files = folders.into_iter().flat_map(|folder| rust_files(&root().join(folder)));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = files.filter(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        // In two, so that this file does not name it.
        text.split(|c| !is_word(c)).any(|word| word == concat!("un", "safe"))
    });
    let allowed = ["login.rs", "queue.rs", "topic_id.rs"]
        .map(|file| root().join("src/sources/kafka").join(file));
    assert_eq!(named.collect::<BTreeSet<_>>(), BTreeSet::from(allowed));
}
