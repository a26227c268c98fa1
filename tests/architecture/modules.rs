//! The files of a crate and which of them name which.

use crate::source::{Import, Path, Source};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The paths by which one file names another, by the two files.
pub(crate) type Edges = BTreeMap<(String, String), BTreeSet<String>>;

/// A crate's files by their module, such as `["sources", "kafka"]` for `sources/kafka/mod.rs`.
pub(crate) struct Crate {
    files: BTreeMap<Path, (String, Source)>,
    /// A `main.rs` beside a `lib.rs`: a crate of its own, which nobody names.
    main: Option<(String, Source)>,
}

impl Crate {
    /// Reads files, given as their paths below the crate's root and their texts. Files that only
    /// tests have do not count.
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Crate {
        let sources = texts.into_iter().map(|(file, text)| (file, Source::read(text)));
        let mut all: BTreeMap<&str, Source> = sources.collect();
        let main = all.contains_key("lib.rs").then(|| all.remove_entry("main.rs")).flatten();
        let main = main.map(|(file, source)| (file.to_owned(), source));
        let mut files: BTreeMap<Path, (String, Source)> = BTreeMap::new();
        for (file, source) in all {
            files.insert(module_of(file), (file.to_owned(), source));
        }
        let tests: Vec<Path> = files
            .iter()
            .flat_map(|(module, (_, source))| {
                source.test_modules.iter().map(|name| child(module, name))
            })
            .collect();
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Crate { files, main }
    }

    /// Which file names which, and how. A file's `mod` of its children and its `pub use` of what
    /// they define do not count: whoever uses such a name is taken to name the child's file.
    pub(crate) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        let files = self.files.iter().map(|(module, entry)| (module.clone(), entry));
        for (module, (file, source)) in
            files.chain(self.main.iter().map(|main| (Path::new(), main)))
        {
            let is_child = |path: &Path| {
                let target = self.absolute(&module, source, path);
                target.is_some_and(|target| target != module && target.starts_with(&module))
            };
            let imports = source.imports.iter();
            let imports = imports.filter(|import| !import.is_exported || !is_child(&import.path));
            let paths = imports.map(|Import { path, .. }| path).chain(&source.paths);
            for path in paths {
                let Some(target) = self.resolve(&module, source, path, 0) else { continue };
                if target != file {
                    let edge = edges.entry((file.clone(), target.to_owned())).or_default();
                    edge.insert(path.join("::"));
                }
            }
        }
        edges
    }

    /// The files in the order in which modules are declared, each before those of its children.
    pub(crate) fn in_order(&self) -> Vec<&str> {
        let mut files = Vec::new();
        let mut modules = vec![Path::new()];
        while let Some(module) = modules.pop() {
            let Some((file, source)) = self.files.get(&module) else { continue };
            files.push(file.as_str());
            modules.extend(source.modules.iter().rev().map(|name| child(&module, name)));
        }
        files
    }

    /// Finds the file that defines what a path of a module names: `None` for another crate's.
    fn resolve(&self, module: &Path, source: &Source, path: &Path, steps: usize) -> Option<&str> {
        let mut rest: VecDeque<String> = self.absolute(module, source, path)?.into();
        let mut here = Path::new();
        while let Some(next) = rest.pop_front() {
            let below = child(&here, &next);
            if self.files.contains_key(&below) {
                here = below;
                continue;
            }
            let (_, source) = &self.files[&here];
            if source.modules.contains(&next) {
                // Its file lies in another folder, as `#[path]` says.
                return None;
            }
            // A name that the module itself has from elsewhere.
            let import = source.imports.iter().find(|import| import.name == next);
            if let Some(import) = import.filter(|_| steps < 20) {
                let path = import.path.iter().cloned().chain(rest).collect();
                return self.resolve(&here, source, &path, steps + 1);
            }
            break;
        }
        self.files.get(&here).map(|(file, _)| file.as_str())
    }

    /// Makes a path of a module one from the crate's root; `None` for another crate's.
    fn absolute(&self, module: &Path, source: &Source, path: &Path) -> Option<Path> {
        let first = path.first()?;
        if first == "crate" {
            return Some(path[1..].to_vec());
        }
        if first == "self" || first == "super" {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            let skip = ups.max(1);
            let above = module.len().checked_sub(ups)?;
            return Some([&module[..above], &path[skip..]].concat());
        }
        if source.modules.contains(first) {
            return Some([module.as_slice(), path].concat());
        }
        // A module that was imported: what it is asked for may lie deeper.
        let import = source.imports.iter().find(|import| import.name == *first)?;
        if import.path.first() == Some(first) {
            return None;
        }
        let imported = self.absolute(module, source, &import.path)?;
        let is_module = self.files.contains_key(&imported);
        is_module.then(|| [imported.as_slice(), &path[1..]].concat())
    }
}

/// The module of a file below the crate's root.
fn module_of(file: &str) -> Path {
    let path = file.trim_end_matches(".rs");
    let mut module: Path = path.split('/').map(str::to_owned).collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
}

fn child(module: &Path, name: &str) -> Path {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// A shortest loop of files that name each other, if there is any: each with how it names the next.
pub(crate) fn find_loop(edges: &Edges) -> Option<Vec<(String, String, BTreeSet<String>)>> {
    let mut shortest: Option<Vec<&(String, String)>> = None;
    for (start, _) in edges.keys() {
        // Breadth first from the file back to itself.
        let mut reached: BTreeMap<&str, &(String, String)> = BTreeMap::new();
        let mut queue = VecDeque::from([start.as_str()]);
        while let Some(file) = queue.pop_front() {
            for edge in edges.keys().filter(|(from, _)| from == file) {
                if !reached.contains_key(edge.1.as_str()) {
                    reached.insert(&edge.1, edge);
                    queue.push_back(&edge.1);
                }
            }
        }
        let Some(mut edge) = reached.get(start.as_str()).copied() else { continue };
        let mut found = vec![edge];
        while edge.0 != *start {
            edge = reached[edge.0.as_str()];
            found.push(edge);
        }
        found.reverse();
        if shortest.as_ref().is_none_or(|shortest| found.len() < shortest.len()) {
            shortest = Some(found);
        }
    }
    let named = |edge: &(String, String)| (edge.0.clone(), edge.1.clone(), edges[edge].clone());
    shortest.map(|edges| edges.into_iter().map(named).collect())
}
