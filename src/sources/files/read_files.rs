//! Which files are read, and how far, for who appends: what is written elsewhere is never shown.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The topic files that a process reads. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadFiles(Arc<Mutex<HashMap<PathBuf, ReadFile>>>);

#[derive(Clone, Copy, Debug)]
struct ReadFile {
    device: u64,
    inode: u64,
    /// The number of bytes that were read.
    reached: u64,
}

impl ReadFiles {
    /// Notes how far a file was read.
    pub(super) fn note(&self, path: &Path, file: &Metadata, reached: u64) {
        let read = ReadFile { device: file.dev(), inode: file.ino(), reached };
        let mut files = self.lock();
        match files.get_mut(path) {
            Some(known) => *known = read,
            None => drop(files.insert(path.into(), read)),
        }
    }

    /// Refuses to append to what is at a path, if another file was read there, or more than it holds.
    pub(super) fn check(&self, path: &Path, there: io::Result<Metadata>) -> io::Result<()> {
        let Some(read) = self.lock().get(path).copied() else { return Ok(()) };
        let there = match there {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            there => Some(there?),
        };
        let name = path.display();
        let is_read = |there: &Metadata| (there.dev(), there.ino()) == (read.device, read.inode);
        let what = match there {
            Some(there) if is_read(&there) && there.len() >= read.reached => return Ok(()),
            Some(there) if is_read(&there) => "truncated",
            Some(_) => "replaced",
            None => "removed",
        };
        let advice = "put it back, or start the process again";
        Err(io::Error::other(format!("{name}, which is read, was {what}: {advice}")))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, ReadFile>> {
        // A panic cannot leave an entry half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
