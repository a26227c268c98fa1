//! What is in a store: its objects, and which checkpoints of them are whole.

use crate::error::{Error, Reason, Refusal};
use crate::manifest::Manifest;
use crate::names::{self, MANIFESTS, SEGMENTS};
use crate::store::Store;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;
use object_store::path::Path;
use std::collections::BTreeMap;

/// The number of the first claim.
pub(crate) const FIRST: u64 = 1;

/// How many manifests are read at a time.
const AT_A_TIME: usize = 8;

/// A store's objects as of some moment, of which all manifests are read.
pub(crate) struct Listing {
    /// By number: its object, and the manifest or why it is none.
    pub(crate) manifests: BTreeMap<u64, (ObjectMeta, Result<Manifest, Refusal>)>,
    /// All objects below the folder of segments, by path.
    pub(crate) segments: BTreeMap<String, ObjectMeta>,
}

impl Listing {
    /// Lists manifests, then segments, so that what a manifest names is there; then reads the manifests.
    pub(crate) async fn new(store: &Store) -> Result<Listing, Error> {
        let manifests = store.list(MANIFESTS).await?;
        let segments = store.list(SEGMENTS).await?;
        let numbers = manifests
            .into_iter()
            .filter_map(|object| Some((names::manifest_number(&object.location)?, object)));
        let manifests = stream::iter(numbers)
            .map(|(number, object)| async move {
                // One that is gone was collected since.
                let manifest = read_manifest(store, number).await?;
                Ok::<_, Error>(manifest.map(|manifest| (number, (object, manifest))))
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<_>>()
            .await?;
        let segments = segments.into_iter().map(|object| (object.location.to_string(), object));
        Ok(Listing {
            manifests: manifests.into_iter().flatten().collect(),
            segments: segments.collect(),
        })
    }

    /// The highest number that any manifest has, whatever is in it.
    pub(crate) fn newest_number(&self) -> Option<u64> {
        self.manifests.keys().next_back().copied()
    }

    /// All manifests that can be read, from the newest on.
    pub(crate) fn readable(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values().rev().filter_map(|(_, manifest)| manifest.as_ref().ok())
    }

    /// From the newest on, the checkpoints, and why those are refused of which that can be told by the listing. A
    /// claim is none, unless it cannot be read: only the first number is known to be a claim's.
    pub(crate) fn checkpoints(&self) -> impl Iterator<Item = Result<&Manifest, Refusal>> {
        self.manifests.iter().rev().filter_map(|(&number, (_, manifest))| match manifest {
            Err(_) if number == FIRST => None,
            Err(refusal) => Some(Err(refusal.clone())),
            Ok(manifest) if manifest.claim => None,
            Ok(manifest) => Some(self.faults(manifest).next().map_or(Ok(manifest), Err)),
        })
    }

    /// The segments of a manifest that are missing, or have another length.
    pub(crate) fn faults(&self, manifest: &Manifest) -> impl Iterator<Item = Refusal> {
        manifest.content.segments.iter().filter_map(|segment| {
            let found = self.segments.get(&segment.path).ok_or(Reason::Missing);
            let fault = found.and_then(|object| segment.check_length(object.size)).err()?;
            Some(Refusal::new(&segment.path, fault))
        })
    }

    /// All objects whose number is below one.
    pub(crate) fn below(&self, number: u64) -> impl Iterator<Item = &ObjectMeta> {
        let manifests = self.manifests.range(..number).map(|(_, (object, _))| object);
        let segments = self
            .segments
            .iter()
            .filter(move |(path, _)| names::segment_number(path).is_some_and(|its| its < number));
        manifests.chain(segments.map(|(_, object)| object))
    }
}

/// The manifest of a number, or why it is refused; `None` if there is none.
pub(crate) async fn read_manifest(
    store: &Store,
    number: u64,
) -> Result<Option<Result<Manifest, Refusal>>, Error> {
    let path: Path = names::manifest(number);
    let Some(bytes) = store.read(&path).await? else { return Ok(None) };
    let manifest = Manifest::decode(&bytes, number);
    Ok(Some(manifest.map_err(|reason| Refusal::new(path, reason))))
}
