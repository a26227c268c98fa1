//! A file that is read again when it has changed.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file, and what was seen of it last.
#[derive(Clone, Debug)]
pub struct WatchedFile {
    path: PathBuf,
    seen: Option<Seen>,
}

/// What tells one content of a file from the next. A secret of Kubernetes is changed by another file in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    file: u64,
    size: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl WatchedFile {
    /// A file as it is now: whoever reads it after this misses no change.
    pub fn new(path: impl Into<PathBuf>) -> WatchedFile {
        let path = path.into();
        let seen = Seen::of(&path);
        WatchedFile { path, seen }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file, if it has changed since it was seen last. One that cannot be read is told of once.
    ///
    /// # Errors
    /// When it cannot be read, and could before, or something else of it has changed.
    pub fn changed(&mut self) -> io::Result<Option<Vec<u8>>> {
        let now = Seen::of(&self.path);
        if now.is_some() && now == self.seen {
            return Ok(None);
        }
        let was_missing = std::mem::replace(&mut self.seen, now).is_none();
        match std::fs::read(&self.path) {
            Ok(content) => Ok(Some(content)),
            Err(_) if now.is_none() && was_missing => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Seen {
    fn of(path: &Path) -> Option<Seen> {
        let metadata = std::fs::metadata(path).ok()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Some(Seen { file: metadata.ino(), size: metadata.size(), changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_once_and_so_is_a_loss() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, "a").unwrap();
        let mut file = WatchedFile::new(&path);
        assert_eq!(file.changed().unwrap(), None);
        let other = folder.path().join("other");
        std::fs::write(&other, "b").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(file.changed().unwrap().as_deref(), Some(&b"b"[..]));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.changed().unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(file.changed().unwrap(), None);
        std::fs::write(&path, "c").unwrap();
        assert_eq!(file.changed().unwrap().as_deref(), Some(&b"c"[..]));
    }
}
