//! Reads a Rust file's tokens: the modules that it declares and the paths that it names. Test code
//! does not count.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path as it stands in the file, such as `["super", "reader", "Reader"]`.
pub(crate) type Path = Vec<String>;

/// A name that a `use` brings into the file.
#[derive(Debug, PartialEq)]
pub(crate) struct Import {
    pub(crate) name: String,
    pub(crate) path: Path,
    /// Whether others may use the name through this file, as in `pub use` and `pub(super) use`.
    pub(crate) is_exported: bool,
}

/// A file's declarations and names.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The modules that it declares with `mod name;`.
    pub(crate) modules: Vec<String>,
    /// Those of them that only tests have.
    pub(crate) test_modules: Vec<String>,
    pub(crate) imports: Vec<Import>,
    /// Paths of two segments and more outside of `use`.
    pub(crate) paths: Vec<Path>,
}

impl Source {
    /// Reads a file's text, which must be Rust.
    pub(crate) fn read(text: &str) -> Source {
        let tokens: TokenStream = text.parse().expect("the file has passed the compiler");
        let mut source = Source::default();
        source.walk(tokens, 0);
        source
    }

    /// Reads the tokens of a group. `depth` counts the inline modules around it.
    fn walk(&mut self, tokens: TokenStream, depth: usize) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut at, mut is_test, mut is_exported) = (0, false, false);
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Punct(hash) if hash.as_char() == '#' => {
                    if let Some(TokenTree::Group(attribute)) = tokens.get(at + 1) {
                        is_test |= is_cfg_test(attribute);
                    }
                    at += 1;
                    continue;
                }
                // An attribute's own group.
                TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && is_test => {}
                _ if is_test => {
                    at = self.skip_test(&tokens, at);
                    is_test = false;
                    continue;
                }
                TokenTree::Group(group) => self.walk(group.stream(), depth),
                TokenTree::Ident(word) if word == "pub" => {
                    is_exported = true;
                    // `pub(super)`
                    at += 1 + usize::from(is_group(tokens.get(at + 1), Delimiter::Parenthesis));
                    continue;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    let name = ident(tokens.get(at + 1));
                    match (name, tokens.get(at + 2)) {
                        (Some(_), Some(TokenTree::Group(body))) => {
                            self.walk(body.stream(), depth + 1);
                        }
                        (Some(name), _) => self.modules.push(name),
                        (None, _) => {}
                    }
                    at += 2;
                }
                // `use<'a>` in a type is none.
                TokenTree::Ident(word) if word == "use" && !is_punct(tokens.get(at + 1), '<') => {
                    at = self.read_use(&tokens, at + 1, &Path::new(), is_exported, depth);
                }
                TokenTree::Ident(_) => {
                    let (path, end) = read_path(&tokens, at);
                    // `::name` is another crate's.
                    let is_absolute = at > 1
                        && is_punct(tokens.get(at - 1), ':')
                        && is_punct(tokens.get(at - 2), ':');
                    if path.len() > 1
                        && !is_absolute
                        && let Some(path) = leave_inline(path, depth)
                    {
                        self.paths.push(path);
                    }
                    at = end - 1;
                }
                _ => {}
            }
            is_exported = false;
            at += 1;
        }
    }

    /// Reads a tree of `use` from its first token; returns where it ends.
    fn read_use(
        &mut self,
        tokens: &[TokenTree],
        start: usize,
        above: &Path,
        is_exported: bool,
        depth: usize,
    ) -> usize {
        let (path, mut at) = read_path(tokens, start);
        let mut path = [above.as_slice(), path.as_slice()].concat();
        while is_punct(tokens.get(at), ':') {
            at += 1;
        }
        match tokens.get(at) {
            Some(TokenTree::Group(group)) => {
                let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut from = 0;
                while from < branches.len() {
                    from = 1 + self.read_use(&branches, from, &path, is_exported, depth);
                }
                at += 1;
            }
            _ => {
                // `{self}` names the module above.
                if path.len() > above.len() && path.len() > 1 && path.ends_with(&["self".into()]) {
                    path.pop();
                }
                let mut name = path.last().cloned().unwrap_or_default();
                if ident(tokens.get(at)).is_some_and(|word| word == "as") {
                    name = ident(tokens.get(at + 1)).unwrap_or_default();
                    at += 2;
                }
                // `*`
                at += usize::from(is_punct(tokens.get(at), '*'));
                if let Some(path) = leave_inline(path, depth) {
                    self.imports.push(Import { name, path, is_exported });
                }
            }
        }
        at
    }

    /// Passes over an item that only tests have; returns where it ends.
    fn skip_test(&mut self, tokens: &[TokenTree], start: usize) -> usize {
        let mut at = start;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Ident(word) if word == "mod" && is_punct(tokens.get(at + 1), ';') => {
                    self.test_modules.extend(ident(tokens.get(at)));
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                token if is_punct(Some(token), ';') => break,
                _ => {}
            }
        }
        at
    }
}

/// Reads `a::b::c` from a token on; returns it with where it ends.
fn read_path(tokens: &[TokenTree], start: usize) -> (Path, usize) {
    let (mut path, mut at) = (Path::new(), start);
    while let Some(segment) = ident(tokens.get(at)) {
        path.push(segment);
        at += 1;
        let goes_on = is_punct(tokens.get(at), ':')
            && is_punct(tokens.get(at + 1), ':')
            && ident(tokens.get(at + 2)).is_some();
        if !goes_on {
            break;
        }
        at += 2;
    }
    (path, at)
}

/// Makes a path in an inline module one of the file; `None` when it leads into the file itself.
fn leave_inline(mut path: Path, depth: usize) -> Option<Path> {
    if depth == 0 || path.first().is_some_and(|first| first == "crate") {
        return Some(path);
    }
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    if supers < depth {
        return None;
    }
    path.drain(..depth);
    if supers == depth {
        path.insert(0, "self".into());
    }
    Some(path)
}

/// Whether an attribute is `cfg(test)`, or one that has it among others.
fn is_cfg_test(attribute: &Group) -> bool {
    let text = attribute.stream().to_string();
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_cfg = words.next() == Some("cfg");
    is_cfg && words.clone().any(|word| word == "test") && words.all(|word| word != "not")
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn is_group(token: Option<&TokenTree>, delimiter: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
}
