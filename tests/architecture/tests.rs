//! What is read of files and of the table of walks, and which loops are found.

use crate::modules::{Crate, find_loop};
use crate::walk;
use std::collections::BTreeSet;

/// The files of the cases below, all of which but the one under test are empty.
const FILES: [&str; 9] = [
    "lib.rs",
    "a.rs",
    "b/mod.rs",
    "b/c.rs",
    "b/c/d.rs",
    "b/e.rs",
    "b/tests.rs",
    "b/tests/f.rs",
    "g.rs",
];

/// Which files a file names, when all others only declare their modules.
fn check(file: &str, text: &str, expected: &[&str]) {
    let texts = FILES.map(|other| match other {
        "lib.rs" => (other, "mod a; mod b; mod g; #[path = \"../x.rs\"] mod elsewhere;".to_owned()),
        "b/mod.rs" => (
            other,
            "mod c; pub mod e; #[cfg(test)] mod tests; pub use c::C; pub use c::D;".to_owned(),
        ),
        "b/c.rs" => (other, "mod d; pub use d::D;".to_owned()),
        "g.rs" => (other, "pub use crate::a::A;".to_owned()),
        _ => (other, String::new()),
    });
    let texts = texts.map(|(other, declared)| match other {
        _ if other != file => (other, declared),
        _ => (other, format!("{declared} {text}")),
    });
    let edges = Crate::new(texts.iter().map(|(file, text)| (*file, &**text))).edges();
    let named: BTreeSet<&str> =
        edges.keys().filter(|(from, _)| from == file).map(|(_, to)| to.as_str()).collect();
    let own: &[&str] = if file == "g.rs" { &["a.rs"] } else { &[] };
    let expected: BTreeSet<&str> = expected.iter().chain(own).copied().collect();
    assert_eq!(named, expected, "{file}: {text}");
}

#[test]
fn paths_lead_to_the_files_that_define_what_they_name() {
    for (file, text, expected) in [
        ("a.rs", "", &[][..]),
        ("a.rs", "use std::fmt; use other::b::c;", &[]),
        // Groups, nested and with `self`.
        (
            "a.rs",
            "use crate::{g, b::{e::{self, E}, c::{D, X as Y}}};",
            &["g.rs", "b/e.rs", "b/c.rs", "b/c/d.rs"],
        ),
        ("a.rs", "use crate::b::{self};", &["b/mod.rs"]),
        ("a.rs", "use crate::b as other;", &["b/mod.rs"]),
        ("a.rs", "use {crate::g::X, std::fmt};", &["g.rs"]),
        // Through what modules export, to the file that defines it.
        ("a.rs", "use crate::b::C;", &["b/c.rs"]),
        ("a.rs", "use crate::b::D;", &["b/c/d.rs"]),
        ("b/e.rs", "use crate::g::A;", &["a.rs"]),
        ("a.rs", "use crate::b::Own;", &["b/mod.rs"]),
        ("a.rs", "use crate::b; fn f() { b::D::new() }", &["b/mod.rs", "b/c/d.rs"]),
        // `super`, `self`, and paths without `use`.
        ("b/c/d.rs", "use super::super::e::E;", &["b/e.rs"]),
        ("b/c/d.rs", "use super::X;", &["b/c.rs"]),
        ("b/e.rs", "fn f(x: super::c::X) -> crate::a::A { ::crates::g::h() }", &["b/c.rs", "a.rs"]),
        (
            "b/mod.rs",
            "fn f() -> self::e::E { c::f::<crate::a::A>(); }",
            &["b/e.rs", "b/c.rs", "a.rs"],
        ),
        ("a.rs", "fn f() { use crate::g::G; vec![crate::b::e::E]; }", &["g.rs", "b/e.rs"]),
        ("a.rs", "impl<T: crate::g::G> X for T { fn f() -> impl Y + use<T> {} }", &["g.rs"]),
        ("a.rs", "use crate::elsewhere::X;", &[]),
        // A parent exports what its children define, or uses it.
        ("b/mod.rs", "pub use e::E; pub(super) use self::c::{d::D, X};", &[]),
        ("b/mod.rs", "use e::E;", &["b/e.rs"]),
        ("b/mod.rs", "pub use crate::a::A;", &["a.rs"]),
        ("b/c.rs", "pub use super::e::E;", &["b/e.rs"]),
        // Modules in a file are the file's.
        ("b/e.rs", "mod x { use super::super::super::a::A; use super::own::C; }", &["a.rs"]),
        ("b/e.rs", "mod x { use super::E; fn f() -> super::super::c::X {} }", &["b/c.rs"]),
        // Neither tests nor what is no code.
        ("a.rs", "#[cfg(test)] mod tests { use crate::g::G; } use crate::b::e::E;", &["b/e.rs"]),
        ("a.rs", "#[cfg(test)] use crate::g::{G, H}; #[cfg(test)] fn f() { crate::b::C }", &[]),
        ("a.rs", "#[cfg(all(test, unix))] #[doc = \"x\"] pub(crate) fn f() { crate::g::G }", &[]),
        ("a.rs", "#[cfg(not(test))] use crate::g::G;", &["g.rs"]),
        ("b/tests/f.rs", "use crate::g::G;", &[]),
        ("b/tests.rs", "mod f; use crate::g::G;", &[]),
        ("a.rs", "/// [`crate::g::G`]\nfn f() { \"crate::b::C\"; /* crate::b::e */ }", &[]),
    ] {
        check(file, text, expected);
    }
}

/// The loop of files that is found, as they follow each other.
fn check_loop(files: &[(&str, &str)], expected: &[&str]) {
    let declared: String =
        files.iter().map(|(file, _)| format!("mod {};", file.trim_end_matches(".rs"))).collect();
    let files = files.iter().copied().chain([("lib.rs", &*declared)]);
    let found = find_loop(&Crate::new(files).edges()).unwrap_or_default();
    let found: Vec<_> =
        found.iter().map(|(from, to, names)| format!("{from} {to} {names:?}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_shortest_loop_is_told() {
    let chain = [("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "")];
    check_loop(&chain, &[]);
    let (a, b) = (("a.rs", "use crate::b::{B, X};"), ("b.rs", "use crate::c::C;"));
    let c = ("c.rs", "use crate::a::A;");
    let told = [
        r#"a.rs b.rs {"crate::b::B", "crate::b::X"}"#,
        r#"b.rs c.rs {"crate::c::C"}"#,
        r#"c.rs a.rs {"crate::a::A"}"#,
    ];
    check_loop(&[a, b, c], &told);
    let c = ("c.rs", "use crate::a::A; fn f() { crate::b::f() }");
    check_loop(&[a, b, c], &[r#"b.rs c.rs {"crate::c::C"}"#, r#"c.rs b.rs {"crate::b::f"}"#]);
}

#[test]
fn files_stand_in_the_order_of_their_declaration() {
    let files = [
        ("lib.rs", "mod b; #[cfg(test)] mod t; pub mod a;"),
        ("a.rs", ""),
        ("b/mod.rs", "mod y; mod x;"),
        ("b/x.rs", ""),
        ("b/y.rs", "mod z;"),
        ("b/y/z.rs", ""),
        ("t.rs", ""),
    ];
    let expected = ["lib.rs", "b/mod.rs", "b/y.rs", "b/y/z.rs", "b/x.rs", "a.rs"];
    assert_eq!(Crate::new(files).in_order(), expected);
}

/// What is wrong with a table of these lines, where the tree has `src/a.rs`, `src/b.rs`, `src/c.rs`
/// and `other/d.rs`.
fn check_walk(lines: &[&str], expected: &[&str]) {
    let place = |file: &str| match file {
        "other/d.rs" => Some(("other".to_owned(), 0)),
        file => ["src/a.rs", "src/b.rs", "src/c.rs"]
            .iter()
            .position(|known| *known == file)
            .map(|at| ("src".to_owned(), at)),
    };
    let heading = "# A\n\n## One event, one question, one weight change\n\nIt goes so.\n\n";
    let markdown = format!("{heading}{}\n\n## B\n\n| not | this |\n", lines.join("\n"));
    let faults = match walk::read(&markdown) {
        Ok(table) => walk::faults(&table, place),
        Err(fault) => vec![fault],
    };
    assert_eq!(faults, expected, "{lines:?}");
}

#[test]
fn a_walk_passes_each_file_once_in_the_order_of_the_tree() {
    let (head, ruler) = ("| file | event | question |", "|---|:--|---|");
    let table = |rows: &[&'static str]| [&[head, ruler], rows].concat();
    let good = [
        "| `src/a.rs` | parsed | |",
        "| `other/d.rs`, a map | kept | read |",
        "| `src/c.rs` | — | a \\| b |",
    ];
    check_walk(&table(&good), &[]);
    // A file may have two rows, if no walk passes it twice.
    check_walk(
        &table(&["| `src/a.rs` | x | |", "| `src/b.rs` | x | |", "| `src/a.rs` | | x |"]),
        &[],
    );
    for (rows, fault) in [
        (
            &["| `src/b.rs` | x | x |", "| `src/a.rs` | x | |"][..],
            "event passes src/b.rs before src/a.rs, unlike the tree",
        ),
        (&["| `src/a.rs` | x | |", "| `src/a.rs` | x | x |"], "event passes src/a.rs twice"),
        (&["| `src/e.rs` | x | x |"], "there is no file src/e.rs"),
        (&["| `src/a.rs` | x | – |"], "question passes no file"),
        (&["| src/a.rs | x | x |"], "a row begins with \"src/a.rs\", not with a `file`"),
        (&["| `src/a.rs` | x |"], "the row of src/a.rs has 2 cells"),
    ] {
        check_walk(&table(rows), &[fault]);
    }
    check_walk(&[head, "| `src/a.rs` | x | x |"], &["the table has no line under its head"]);
    check_walk(&[], &["there is no table under the heading"]);
    assert!(walk::read("# A").unwrap_err().starts_with("there is no \"## One event"));
}
