//! The console: the files of the page for people, as they are sent.

use crate::http::etag::etag;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::HeaderValue;
use include_dir::{Dir, include_dir};
use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

/// The file that `/` shows.
pub(super) const INDEX: &str = "index.html";

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/http/console");

/// A file of the console.
pub(super) struct ConsoleFile {
    pub(super) content_type: HeaderValue,
    pub(super) bytes: &'static [u8],
    /// The same, compressed.
    pub(super) gzip: Bytes,
    /// Tells the content from that of other versions.
    pub(super) tag: HeaderValue,
}

/// The files by their paths in the folder.
static FILES: LazyLock<HashMap<&'static str, ConsoleFile>> = LazyLock::new(|| {
    let mut files = HashMap::new();
    add(&FOLDER, &mut files);
    files
});

fn add(folder: &'static Dir<'_>, files: &mut HashMap<&'static str, ConsoleFile>) {
    for file in folder.files() {
        let path = file.path().to_str().expect("its name is plain");
        files.insert(path, ConsoleFile::new(path, file.contents()));
    }
    folder.dirs().for_each(|folder| add(folder, files));
}

impl ConsoleFile {
    fn new(path: &str, bytes: &'static [u8]) -> ConsoleFile {
        let content_type = match path.rsplit_once('.').map_or("", |(_, end)| end) {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "json" | "webmanifest" => "application/manifest+json",
            _ => "text/plain; charset=utf-8",
        };
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = gzip.write_all(bytes).and_then(|()| gzip.finish());
        ConsoleFile {
            content_type: HeaderValue::from_static(content_type),
            bytes,
            gzip: gzip.expect("a Vec takes all that is written").into(),
            // Weak: it is the same for both encodings.
            tag: HeaderValue::from_str(&format!("W/{}", etag(bytes))).expect("it is hexadecimal"),
        }
    }
}

/// Returns a file of the console, if it is there.
pub(super) fn file(path: &str) -> Option<&'static ConsoleFile> {
    FILES.get(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes of all that a browser loads, compressed.
    const MOST: usize = 150_000;

    #[test]
    fn all_of_it_is_small() {
        let bytes: usize = FILES.values().map(|file| file.gzip.len()).sum();
        assert!(bytes <= MOST, "{bytes} bytes are more than {MOST}");
    }

    #[test]
    fn it_asks_nobody_else_and_each_file_that_it_names_is_there() {
        for (path, file) in &*FILES {
            let Ok(text) = std::str::from_utf8(file.bytes) else { continue };
            let is_ours = !path.starts_with("vendor/");
            for scheme in ["src=\"http", "href=\"http", "import \"http", "from \"http", "url(http"]
            {
                assert!(!is_ours || !text.contains(scheme), "{path} has {scheme}");
            }
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let named = text.split(['"', '\'']).filter(|name| name.ends_with(".js"));
            for name in named.filter(|name| name.starts_with("./") && is_ours) {
                let name = &name[2..];
                let whole =
                    if folder.is_empty() { name.into() } else { format!("{folder}/{name}") };
                assert!(FILES.contains_key(&*whole), "{path} names {whole}");
            }
        }
        assert!(FILES.contains_key(INDEX));
    }
}
