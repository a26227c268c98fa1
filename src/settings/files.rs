//! Settings as files: `/config/recommendation/weights` is `<dir>/config/recommendation/weights`.
//!
//! Users may edit the files as well. A node with nodes below it is a folder and has no value.

use super::{Store, StoreError, check};
use crate::future::BoxFuture;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// The interval at which files are checked for changes.
const POLL: Duration = Duration::from_millis(200);
/// [`Store::changed`] completes after this time even if no change was seen.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// The errors of a node that does not exist: there is no file, or a folder, or a file in the place
/// of a folder.
const ABSENCE: [ErrorKind; 3] =
    [ErrorKind::NotFound, ErrorKind::IsADirectory, ErrorKind::NotADirectory];

/// Tells one state of a file from another: inode, size, seconds, nanoseconds. `None` is no file.
type Stamp = Option<(u64, u64, i64, i64)>;

/// Settings as files in a folder.
pub struct FileStore {
    runtime: Handle,
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    /// The state of each file when it was last read.
    seen: Mutex<HashMap<PathBuf, Stamp>>,
    /// Held while a file is read and written, and while one is just written.
    turn: Mutex<()>,
    /// The number of writes, which wakes those who wait for a change.
    writes: watch::Sender<u64>,
}

impl FileStore {
    /// Makes the store of a folder, which is created at the first write. Files are read and written
    /// on the runtime's blocking threads.
    pub fn new(dir: impl Into<PathBuf>, runtime: Handle) -> FileStore {
        let (seen, writes) = (Mutex::default(), watch::Sender::new(0));
        let turn = Mutex::default();
        FileStore { runtime, shared: Arc::new(Shared { dir: dir.into(), seen, turn, writes }) }
    }

    fn on_a_thread<T: Send + 'static>(
        &self,
        path: &str,
        work: impl FnOnce(&Shared, PathBuf) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<Result<T, StoreError>> {
        let file = self.shared.file(path);
        let (runtime, shared) = (self.runtime.clone(), self.shared.clone());
        Box::pin(async move {
            let file = file?;
            let name = file.display().to_string();
            let done = runtime.spawn_blocking(move || work(&shared, file)).await;
            let done = done.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            done.map_err(|error| StoreError::Refused(format!("{name}: {error}")))
        })
    }
}

impl Store for FileStore {
    fn get(&self, path: &str) -> BoxFuture<Result<Option<Vec<u8>>, StoreError>> {
        self.on_a_thread(path, |shared, file| {
            // The stamp is taken first, so that a change in between counts as one after the read.
            let stamp = stamp(&file);
            let value = match fs::read(&file) {
                Ok(value) => Ok(Some(value)),
                Err(error) if ABSENCE.contains(&error.kind()) => Ok(None),
                Err(error) => Err(error),
            };
            shared.seen().insert(file, stamp);
            value
        })
    }

    fn put(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
        self.on_a_thread(path, move |shared, file| shared.write(&file, &value, true))
    }

    fn replace(
        &self,
        path: &str,
        held: Vec<u8>,
        value: Vec<u8>,
    ) -> BoxFuture<Result<bool, StoreError>> {
        self.on_a_thread(path, move |shared, file| {
            let _turn = shared.turn();
            match fs::read(&file) {
                Ok(now) if now == held => shared.write_in_turn(&file, &value, true).map(|()| true),
                Ok(_) => Ok(false),
                Err(error) if ABSENCE.contains(&error.kind()) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn delete(&self, path: &str) -> BoxFuture<Result<bool, StoreError>> {
        self.on_a_thread(path, |shared, file| shared.remove(&file))
    }

    fn create(&self, path: &str, value: Vec<u8>) -> BoxFuture<Result<(), StoreError>> {
        self.on_a_thread(path, move |shared, file| shared.write(&file, &value, false))
    }

    fn changed(&self, path: &str) -> BoxFuture<()> {
        // A bad path never changes.
        let Ok(file) = self.shared.file(path) else { return Box::pin(std::future::pending()) };
        let shared = self.shared.clone();
        let mut writes = shared.writes.subscribe();
        let watch = self.runtime.spawn(async move {
            let seen = shared.seen().get(&file).copied();
            let until = Instant::now() + LONGEST_WAIT;
            while Instant::now() < until && seen == Some(stamp(&file)) {
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    _ = writes.changed() => {}
                }
            }
        });
        Box::pin(async move {
            // It fails only when the runtime ends, and then nobody waits.
            let _ = watch.await;
        })
    }
}

impl Shared {
    fn file(&self, path: &str) -> Result<PathBuf, StoreError> {
        // Names with a leading dot are drafts, files that are being written.
        let hidden = path.split('/').any(|part| part.starts_with('.'));
        let rule = check(path).err().or(hidden.then_some("its parts must not begin with '.'"));
        match rule {
            Some(rule) => Err(StoreError::BadPath { path: path.into(), rule }),
            None => Ok(self.dir.join(path.trim_start_matches('/'))),
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<PathBuf, Stamp>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, file: &Path, value: &[u8], replace: bool) -> io::Result<()> {
        let _turn = self.turn();
        self.write_in_turn(file, value, replace)
    }

    /// Replaces a file at once: readers see the old value or the new one, also after a crash.
    fn write_in_turn(&self, file: &Path, value: &[u8], replace: bool) -> io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let folder = file.parent().ok_or(ErrorKind::InvalidInput)?;
        fs::create_dir_all(folder)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let draft = folder.join(format!(".{}-{number}.tmp", std::process::id()));
        let written = publish(&draft, file, value, replace);
        if written.is_err() || !replace {
            // A draft that cannot be removed does no harm, and an earlier error is returned.
            let _ = fs::remove_file(&draft);
        }
        written?;
        File::open(folder)?.sync_all()?;
        self.writes.send_modify(|writes| *writes += 1);
        Ok(())
    }

    /// Removes a file, if it is there. Its folder stays.
    fn remove(&self, file: &Path) -> io::Result<bool> {
        match fs::remove_file(file) {
            Err(error) if ABSENCE.contains(&error.kind()) => return Ok(false),
            removed => removed?,
        }
        File::open(file.parent().ok_or(ErrorKind::InvalidInput)?)?.sync_all()?;
        self.writes.send_modify(|writes| *writes += 1);
        Ok(true)
    }
}

fn publish(draft: &Path, file: &Path, value: &[u8], replace: bool) -> io::Result<()> {
    let mut out = File::create(draft)?;
    out.write_all(value)?;
    out.sync_all()?;
    if replace {
        return fs::rename(draft, file);
    }
    // Unlike a rename, a link does not replace a file that exists.
    match fs::hard_link(draft, file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn stamp(file: &Path) -> Stamp {
    let data = fs::metadata(file).ok()?;
    Some((data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a test on a store in a folder of its own.
    fn check<F: Future<Output = ()>>(test: impl FnOnce(Arc<FileStore>, PathBuf) -> F) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let store = Arc::new(FileStore::new(dir.path(), runtime.handle().clone()));
        runtime.block_on(test(store, dir.path().into()));
    }

    const NODE: &str = "/config/a/b";

    #[test]
    fn a_value_is_replaced_where_it_is_what_it_was_taken_for() {
        check(|store, _| async move {
            let replace =
                |held: &[u8], value: &[u8]| store.replace(NODE, held.into(), value.into());
            assert!(!replace(b"", b"1").await.unwrap(), "there is no node");
            store.put(NODE, b"1".into()).await.unwrap();
            assert!(!replace(b"2", b"3").await.unwrap());
            assert!(replace(b"1", b"2").await.unwrap());
            assert_eq!(store.get(NODE).await.unwrap().as_deref(), Some(&b"2"[..]));
        });
    }

    #[test]
    fn what_is_put_is_read_and_is_a_file() {
        check(|store, dir| async move {
            assert_eq!(store.get(NODE).await.unwrap(), None);
            store.put(NODE, b"1".into()).await.unwrap();
            store.put(NODE, b"2".into()).await.unwrap();
            assert_eq!(store.get(NODE).await.unwrap().unwrap(), b"2");
            assert_eq!(fs::read(dir.join("config/a/b")).unwrap(), b"2");
            assert_eq!(
                fs::read_dir(dir.join("config/a")).unwrap().count(),
                1,
                "drafts stay behind"
            );
        });
    }

    #[test]
    fn create_leaves_a_value_alone() {
        check(|store, dir| async move {
            store.create(NODE, b"1".into()).await.unwrap();
            store.create(NODE, b"2".into()).await.unwrap();
            assert_eq!(store.get(NODE).await.unwrap().unwrap(), b"1");
            assert_eq!(
                fs::read_dir(dir.join("config/a")).unwrap().count(),
                1,
                "drafts stay behind"
            );
        });
    }

    #[test]
    fn what_is_deleted_is_gone() {
        check(|store, _| async move {
            store.put(NODE, b"1".into()).await.unwrap();
            assert!(store.delete(NODE).await.unwrap());
            assert_eq!(store.get(NODE).await.unwrap(), None);
            for path in [NODE, "/config/a", "/config/never"] {
                assert!(!store.delete(path).await.unwrap(), "{path}");
            }
            store.put(NODE, b"2".into()).await.unwrap();
            assert_eq!(store.get(NODE).await.unwrap().unwrap(), b"2");
        });
    }

    #[test]
    fn a_change_is_seen_whoever_makes_it() {
        check(|store, dir| async move {
            store.put(NODE, b"1".into()).await.unwrap();
            store.get(NODE).await.unwrap();
            let begin = Instant::now();
            fs::write(dir.join("config/a/b"), "22").unwrap();
            store.changed(NODE).await;
            store.get(NODE).await.unwrap();
            let ((), put) = tokio::join!(store.changed(NODE), store.put(NODE, b"3".into()));
            put.unwrap();
            store.get(NODE).await.unwrap();
            let ((), deleted) = tokio::join!(store.changed(NODE), store.delete(NODE));
            deleted.unwrap();
            assert!(begin.elapsed() < LONGEST_WAIT, "nothing was seen");
        });
    }

    #[test]
    fn a_folder_has_no_value_and_a_value_no_nodes_below() {
        check(|store, _| async move {
            store.put(NODE, b"1".into()).await.unwrap();
            assert_eq!(store.get("/config/a").await.unwrap(), None);
            assert_eq!(store.get("/config/a/b/c").await.unwrap(), None);
            for path in ["/config/a", "/config/a/b/c"] {
                let refused = store.put(path, b"1".into()).await;
                assert!(matches!(refused, Err(StoreError::Refused(_))), "{path}: {refused:?}");
            }
        });
    }

    #[test]
    fn paths_stay_in_the_folder() {
        check(|store, _| async move {
            for path in ["config/a", "/config/../../a", "/config//a", "/", "/config/.hidden"] {
                let refused = store.put(path, b"1".into()).await;
                assert!(matches!(refused, Err(StoreError::BadPath { .. })), "{path}: {refused:?}");
            }
        });
    }
}
