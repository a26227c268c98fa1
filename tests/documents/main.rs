//! Holds the documentation to what is there: links lead to pages and headings, the index has every page, the contract
//! every route, commands are those of the program, and the README is short.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod blocks;
mod commands;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most lines that the README may have.
const README_LINES: usize = 130;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The description of all routes.
fn description() -> Value {
    let text = std::fs::read_to_string(root().join("src/http/openapi.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The pages of a folder.
fn pages_of(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|end| end == "md")).collect()
}

/// All pages, by where they are.
fn pages() -> BTreeMap<PathBuf, String> {
    let files = [root().to_owned(), root().join("docs")].into_iter().flat_map(|it| pages_of(&it));
    let pages = files.map(|file| {
        let text = std::fs::read_to_string(&file).unwrap();
        (file.canonicalize().unwrap(), text)
    });
    pages.collect()
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a link to a heading ends with.
fn anchor(heading: &str) -> String {
    let letters = heading.trim_start_matches('#').trim().to_lowercase();
    let letters = letters.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    letters.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    prose(page).lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

/// The targets of a page's links, those to other sites aside.
fn links(page: &str) -> Vec<String> {
    let prose = prose(page);
    let targets = prose.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned());
    targets.filter(|target| !target.contains("://")).collect()
}

#[test]
fn links_lead_to_pages_and_headings_that_are_there() {
    let pages = pages();
    let (mut faults, mut checked) = (Vec::new(), 0);
    for (file, text) in &pages {
        for link in links(text) {
            let (path, heading) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let target = match path {
                "" => file.clone(),
                path => file.parent().unwrap().join(path),
            };
            let is_there = target.canonicalize().is_ok_and(|target| {
                let page = pages.get(&target);
                heading.is_empty() || page.is_some_and(|page| anchors(page).contains(heading))
            });
            if !is_there {
                faults.push(format!("{}: {link}", file.display()));
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked} links");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_index_has_every_page() {
    let index = std::fs::read_to_string(root().join("docs/README.md")).unwrap();
    let links = links(&index);
    for page in pages_of(&root().join("docs")) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(name == "README.md" || links.iter().any(|link| link == name), "{name}");
    }
}

#[test]
fn the_contract_has_every_route() {
    let description = description();
    let contract = std::fs::read_to_string(root().join("docs/contract.md")).unwrap();
    let paths = description["paths"].as_object().unwrap().keys();
    // Each setting has a path of its own in the description, and all have one row.
    let routes: Vec<&String> =
        paths.filter(|path| !path.starts_with("/api/config/recommendation/")).collect();
    assert!(routes.len() > 20, "{routes:?}");
    let missing: Vec<_> = routes.iter().filter(|path| !contract.contains(**path)).collect();
    assert!(missing.is_empty(), "docs/contract.md lacks {missing:?}");
}

#[test]
fn the_readme_is_short() {
    let lines = std::fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= README_LINES, "{lines} lines; docs/ is for what is longer");
}

#[test]
fn anchors_are_made_as_on_the_web() {
    for (heading, expected) in [
        ("## Lost records", "lost-records"),
        ("### `recsys.js`", "recsysjs"),
        ("# What is there, and what is not?", "what-is-there-and-what-is-not"),
    ] {
        assert_eq!(anchor(heading), expected);
    }
}
