//! Where checkpoints are: a folder, S3, Google's or Microsoft's store.

use crate::error::Error;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, WriteMultipart};
use std::fs::File;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use url::Url;

/// What is larger goes in parts, so that no request takes long.
const PART: usize = 16 << 20;
/// How many parts are on their way at a time.
const PARTS: usize = 4;

/// A place for checkpoints. What it says to have written survives a loss of power.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) objects: Arc<dyn ObjectStore>,
    url: Arc<str>,
    folder: Option<Arc<FilePath>>,
}

impl Store {
    /// Opens a folder, given as a path or `file://`, which is made if it is not there, or `s3://bucket/path`,
    /// `gs://bucket/path` or `az://container/path`. Credentials, regions and endpoints come from the environment,
    /// by the names that the providers' own tools use. No request is made.
    ///
    /// # Errors
    ///
    /// The URL is of another kind, the folder cannot be made, or the environment does not go with it.
    pub fn open(url: &str) -> Result<Store, Error> {
        let failed = |reason: String| Error::Url { url: url.to_owned(), reason };
        if !url.contains("://") {
            return Store::folder(url, PathBuf::from(url));
        }
        let parsed = Url::parse(url).map_err(|error| failed(error.to_string()))?;
        if parsed.scheme() == "file" {
            let path = parsed.to_file_path();
            return Store::folder(url, path.map_err(|()| failed("it is not a local path".into()))?);
        }
        // Fails if there is a provider already, and any of them will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bucket = bucket(&parsed).map_err(|error| failed(error.to_string()))?;
        let bucket = bucket.ok_or_else(|| {
            failed("it is neither a path nor a URL of file://, s3://, gs:// or az://".into())
        })?;
        let path = Path::from_url_path(parsed.path()).map_err(|error| failed(error.to_string()))?;
        let objects = Arc::new(PrefixStore::new(bucket, path));
        Ok(Store { objects, url: url.into(), folder: None })
    }

    fn folder(url: &str, path: PathBuf) -> Result<Store, Error> {
        let failed =
            |error: &dyn ToString| Error::Url { url: url.to_owned(), reason: error.to_string() };
        make_folder(&path).map_err(|error| failed(&error))?;
        let path = path.canonicalize().map_err(|error| failed(&error))?;
        let files = LocalFileSystem::new_with_prefix(&path).map_err(|error| failed(&error))?;
        // Without `fsync` a manifest could reach the disk before what it names.
        let files = files.with_fsync(true).with_automatic_cleanup(true);
        Ok(Store { objects: Arc::new(files), url: url.into(), folder: Some(path.into()) })
    }

    /// The same place, with objects behind something else, such as [`crate::faults::Faults`].
    #[cfg(any(test, feature = "faults"))]
    #[must_use]
    pub fn behind<O: ObjectStore>(self, wrap: impl FnOnce(Arc<dyn ObjectStore>) -> O) -> Store {
        Store { objects: Arc::new(wrap(self.objects)), ..self }
    }

    /// The URL as it was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder, if it is one.
    pub(crate) fn local(&self) -> Option<Arc<FilePath>> {
        self.folder.clone()
    }

    /// An object's content, if there is such an object.
    pub(crate) async fn read(&self, path: &Path) -> Result<Option<Bytes>, Error> {
        let bytes = match self.objects.get(path).await {
            Ok(object) => object.bytes().await,
            Err(error) => Err(error),
        };
        match bytes {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(path.as_ref(), "read", error)),
        }
    }

    /// Writes an object, in parts if it is large.
    pub(crate) async fn write(&self, path: &Path, bytes: Bytes) -> Result<(), Error> {
        self.put(path, bytes).await.map_err(|error| self.failed(path.as_ref(), "written", error))
    }

    async fn put(&self, path: &Path, mut bytes: Bytes) -> object_store::Result<()> {
        if bytes.len() <= PART {
            return self.objects.put(path, bytes.into()).await.map(drop);
        }
        let upload = self.objects.put_multipart(path).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        while !bytes.is_empty() {
            if let Err(error) = upload.wait_for_capacity(PARTS).await {
                // What is there of it costs storage, and the first error is the one to tell.
                let _ = upload.abort().await;
                return Err(error);
            }
            upload.put(bytes.split_to(bytes.len().min(PART)));
        }
        upload.finish().await.map(drop)
    }

    /// Writes an object unless there is one: then false.
    pub(crate) async fn create(&self, path: &Path, bytes: Vec<u8>) -> Result<bool, Error> {
        match self.objects.put_opts(path, PutPayload::from(bytes), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.failed(path.as_ref(), "written", error)),
        }
    }

    /// All objects below a folder.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<ObjectMeta>, Error> {
        let objects = self.objects.list(Some(&Path::from(folder)));
        objects.try_collect().await.map_err(|error| self.failed(folder, "listed", error))
    }

    /// Whether nothing at all is there.
    pub(crate) async fn is_empty(&self) -> Result<bool, Error> {
        let Some(folder) = self.local() else {
            return Ok(self.list("").await?.is_empty());
        };
        // No listing shows what is half-written, or folders without files.
        let first = std::fs::read_dir(&*folder).map(|mut entries| entries.next().is_none());
        first.map_err(|error| self.failed("the folder", "listed", error))
    }

    /// Deletes objects, which need not be there.
    pub(crate) async fn delete(&self, paths: Vec<Path>) -> Result<(), Error> {
        let paths = stream::iter(paths.into_iter().map(Ok)).boxed();
        let mut deleted = self.objects.delete_stream(paths);
        while let Some(outcome) = deleted.next().await {
            match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("an object", "deleted", error)),
            }
        }
        Ok(())
    }

    pub(crate) fn failed(
        &self,
        object: &str,
        done: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Error {
        let (url, object) = (self.url.to_string(), object.to_owned());
        Error::Store { url, object, done, source: Box::new(source) }
    }
}

/// The bucket of a URL, `None` if no provider has such URLs.
fn bucket(url: &Url) -> object_store::Result<Option<Arc<dyn ObjectStore>>> {
    let text = url.as_str();
    Ok(match url.scheme() {
        "s3" => Some(Arc::new(AmazonS3Builder::from_env().with_url(text).build()?)),
        "gs" => Some(Arc::new(GoogleCloudStorageBuilder::from_env().with_url(text).build()?)),
        "az" => Some(Arc::new(MicrosoftAzureBuilder::from_env().with_url(text).build()?)),
        _ => None,
    })
}

/// Makes a folder and those above it, so that they survive a loss of power.
fn make_folder(path: &FilePath) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(FilePath::new("."));
    make_folder(parent)?;
    match std::fs::create_dir(path) {
        // Another one was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(parent)?.sync_all(),
    }
}
