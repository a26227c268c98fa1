//! A copy of one checkpoint elsewhere, which is begun with as the original is.

use crate::error::{Error, Reason, Refusal};
use crate::key;
use crate::listing::{Listing, read_manifest};
use crate::manifest::{Manifest, Segment};
use crate::names;
use crate::restore::read_segment;
use crate::store::Store;
use crate::table::Table;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use std::collections::BTreeSet;

/// How many segments are copied at a time.
const AT_A_TIME: usize = 4;

/// A checkpoint that was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its number, there as here.
    pub number: u64,
    /// How many segments it has.
    pub segments: usize,
    /// How many bytes these have.
    pub bytes: u64,
}

/// Copies a checkpoint, the newest unless a number is given, and the key of its hashes to another place. `None` if there
/// is no such checkpoint. The manifest is written last, so what is there of a copy that fails is no checkpoint.
///
/// What a run goes on to write meanwhile is left out. If it removes the newest checkpoint before that is copied, the one
/// that is the newest then is.
///
/// # Errors
///
/// [`Error::Occupied`] if anything is in the other place; [`Error::Refused`] if a file of the checkpoint is damaged, which
/// no other checkpoint takes the place of; or one of the stores does not answer.
pub async fn export(
    store: &Store,
    number: Option<u64>,
    tables: &[&'static Table],
    to: &Store,
) -> Result<Option<Exported>, Error> {
    if !to.is_empty().await? {
        return Err(Error::Occupied { url: to.url().to_owned() });
    }
    let mut copied = BTreeSet::new();
    loop {
        let Some(manifest) = find(store, number).await? else { return Ok(None) };
        let path = names::manifest(manifest.number);
        let copy = copy(store, &manifest, tables, to, &mut copied).await;
        match copy {
            // It was removed since, as checkpoints are that later ones follow.
            Err(Error::Refused(_)) if number.is_none() && store.read(&path).await?.is_none() => {}
            copy => {
                copy?;
                remove_others(to, &manifest, copied).await?;
                key::copy(store, to).await?;
                to.write(&path, manifest.encode().into()).await?;
                check(to, manifest.number).await?;
                let segments = &manifest.content.segments;
                let bytes = segments.iter().map(|segment| segment.length).sum();
                let (number, segments) = (manifest.number, segments.len());
                return Ok(Some(Exported { number, segments, bytes }));
            }
        }
    }
}

/// The newest checkpoint, or that of a number. A claim is none.
async fn find(store: &Store, number: Option<u64>) -> Result<Option<Manifest>, Error> {
    let manifest = match number {
        Some(number) => read_manifest(store, number).await?.transpose()?,
        None => {
            let listing = Listing::new(store).await?;
            listing.checkpoints().next().transpose()?.cloned()
        }
    };
    Ok(manifest.filter(|manifest| !manifest.claim))
}

/// Copies the segments of a checkpoint that were not before.
async fn copy(
    store: &Store,
    manifest: &Manifest,
    tables: &[&'static Table],
    to: &Store,
    copied: &mut BTreeSet<String>,
) -> Result<(), Error> {
    let is_new = |segment: &&Segment| !copied.contains(&segment.path);
    let new: Vec<Segment> = manifest.content.segments.iter().filter(is_new).cloned().collect();
    let mut new = stream::iter(new)
        .map(|segment| async move {
            let (_, bytes) = read_segment(store, &segment, tables).await?;
            to.write(&Path::from(&*segment.path), bytes).await?;
            Ok::<_, Error>(segment.path)
        })
        .buffer_unordered(AT_A_TIME);
    while let Some(path) = new.try_next().await? {
        copied.insert(path);
    }
    Ok(())
}

/// Removes what was copied of a checkpoint that was removed meanwhile.
async fn remove_others(
    to: &Store,
    manifest: &Manifest,
    mut copied: BTreeSet<String>,
) -> Result<(), Error> {
    for segment in &manifest.content.segments {
        copied.remove(&segment.path);
    }
    to.delete(copied.into_iter().map(Path::from).collect()).await
}

/// Refuses a copy whose files are not there, or have another length, although the store has taken them.
async fn check(to: &Store, number: u64) -> Result<(), Error> {
    let listing = Listing::new(to).await?;
    let copy = listing.checkpoints().next().transpose()?;
    let missing = || Refusal::new(names::manifest(number), Reason::Missing);
    copy.map(drop).ok_or_else(|| missing().into())
}
