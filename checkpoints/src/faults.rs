//! A store that fails as it is told, for tests.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full: nothing is written, and the store says so.
    Full,
    /// Half is written under the object's name, and the store says that it failed.
    Torn,
    /// The rename tears: the object has its name and no content, and the store says that all went well.
    Renamed,
    /// All is written, and the store says that it failed: the answer was lost.
    Unanswered,
    /// It takes so long, for this write and all later ones.
    Slow(Duration),
}

/// A store whose n-th write goes wrong.
#[derive(Debug)]
pub struct Faults {
    objects: Arc<dyn ObjectStore>,
    schedule: Arc<Schedule>,
}

/// Which write goes wrong, and how many there were.
#[derive(Debug)]
pub struct Schedule {
    at: usize,
    fault: Fault,
    writes: AtomicUsize,
}

impl Schedule {
    /// A fault at a write, from 0 on.
    pub fn new(at: usize, fault: Fault) -> Arc<Schedule> {
        Arc::new(Schedule { at, fault, writes: AtomicUsize::new(0) })
    }

    /// Whether the write was met.
    pub fn has_struck(&self) -> bool {
        self.writes.load(Ordering::Relaxed) > self.at
    }

    /// Counts a write, and tells what happens to it.
    fn next(&self) -> Option<Fault> {
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let strikes = match self.fault {
            Fault::Slow(_) => write >= self.at,
            _ => write == self.at,
        };
        strikes.then_some(self.fault)
    }
}

impl Faults {
    /// Faults by a schedule, for [`crate::Store::behind`].
    pub fn new(objects: Arc<dyn ObjectStore>, schedule: Arc<Schedule>) -> Faults {
        Faults { objects, schedule }
    }
}

fn failed(kind: io::ErrorKind) -> Error {
    Error::Generic { store: "Faults", source: io::Error::from(kind).into() }
}

fn cut(payload: PutPayload, keep: impl Fn(usize) -> usize) -> PutPayload {
    let bytes: Bytes = payload.into();
    bytes.slice(..keep(bytes.len())).into()
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with faults", self.objects)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faults {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        match self.schedule.next() {
            None => self.objects.put_opts(path, payload, options).await,
            Some(Fault::Full) => Err(failed(io::ErrorKind::StorageFull)),
            Some(Fault::Torn) => {
                self.objects.put_opts(path, cut(payload, |length| length / 2), options).await?;
                Err(failed(io::ErrorKind::WriteZero))
            }
            Some(Fault::Renamed) => self.objects.put_opts(path, cut(payload, |_| 0), options).await,
            Some(Fault::Unanswered) => {
                self.objects.put_opts(path, payload, options).await?;
                Err(failed(io::ErrorKind::TimedOut))
            }
            Some(Fault::Slow(pause)) => {
                tokio::time::sleep(pause).await;
                self.objects.put_opts(path, payload, options).await
            }
        }
    }

    /// A write in parts is there as a whole or not at all, so each fault is that of a full disk.
    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.schedule.next() {
            None => {}
            Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
            Some(_) => return Err(failed(io::ErrorKind::StorageFull)),
        }
        self.objects.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.objects.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
