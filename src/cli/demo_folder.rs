//! The folder of a demo, which goes with it.

use super::failure::Unwritable;
use anyhow::Context;
use std::fs::{File, read_dir, remove_dir_all, remove_file};
use std::path::{Path, PathBuf};

/// The name of a demo's folder begins with this; its process id follows.
const PREFIX: &str = "recsys-demo-";

/// A new folder, removed when dropped.
///
/// Its lock lies beside it. A demo that was killed leaves its folder, without a holder of the lock; the
/// next demo removes it.
pub(super) struct DemoFolder {
    path: PathBuf,
    _lock: File,
}

impl DemoFolder {
    /// Removes the folders that demos left here, and makes a new one.
    pub(super) fn create(parent: &Path) -> anyhow::Result<DemoFolder> {
        remove_abandoned(parent);
        let path = parent.join(format!("{PREFIX}{}", std::process::id()));
        let lock = File::create(lock_of(&path)).with_context(|| Unwritable::path(&path))?;
        lock.lock()?;
        // A process of this number may have left one that could not be removed.
        std::fs::create_dir_all(&path).with_context(|| Unwritable::path(&path))?;
        Ok(DemoFolder { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// The path of a folder's lock.
fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

/// Removes a folder and its lock. What cannot be removed is somebody else's, or left to the next demo.
fn remove(folder: &Path) {
    if let Err(error) = remove_dir_all(folder) {
        tracing::debug!(folder = %folder.display(), %error, "a demo's folder stays");
    }
    let _ = remove_file(lock_of(folder));
}

/// Removes the folders of demos that have ended.
fn remove_abandoned(parent: &Path) {
    let entries = read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.path().is_dir()) {
        let is_demo = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let is_held =
            || File::open(lock_of(&entry.path())).is_ok_and(|lock| lock.try_lock().is_err());
        if is_demo && !is_held() {
            remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_removes_its_folder_and_those_that_nobody_uses() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        for folder in ["recsys-demo-1", "recsys-demo-2", "recsys-demo-3", "other"] {
            std::fs::create_dir_all(at(folder).join("recsys")).unwrap();
        }
        // 1 was killed, 2 runs, 3 has lost its lock.
        File::create(at("recsys-demo-1.lock")).unwrap();
        let running = File::create(at("recsys-demo-2.lock")).unwrap();
        running.lock().unwrap();
        let mine = DemoFolder::create(parent.path()).unwrap();
        std::fs::write(mine.path().join("view-events.jsonl"), "{}").unwrap();
        drop(mine);
        let mut left: Vec<_> = read_dir(parent.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["other", "recsys-demo-2", "recsys-demo-2.lock"]);
    }
}
