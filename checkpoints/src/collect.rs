//! Removing what no checkpoint needs.

use crate::error::{Error, Reason, Refusal};
use crate::leftovers;
use crate::listing::Listing;
use crate::manifest::Manifest;
use crate::names;
use crate::store::Store;
use object_store::ObjectMeta;
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many objects.
    pub objects: usize,
    /// How many bytes they had.
    pub bytes: u64,
}

/// Checkpoints that were found unusable, by number.
type Refused = BTreeMap<u64, Refusal>;

/// How many checkpoints are kept.
const KEPT: usize = 2;

/// Removes what the kept checkpoints do not need, by a listing of now. Those that were found unusable are not kept.
pub(crate) async fn collect(store: &Store, refused: &Refused) -> Result<Collected, Error> {
    let listing = Listing::new(store).await?;
    // As long as there are fewer, all that there is may be needed.
    let Some(older) = kept(&listing, refused).nth(KEPT - 1) else {
        return Ok(Collected::default());
    };
    check_format(&listing, older.number)?;
    let later = listing.readable().filter(|manifest| manifest.number >= older.number);
    let segments = later.flat_map(|manifest| &manifest.content.segments);
    let named: BTreeSet<&str> = segments.map(|segment| &*segment.path).collect();
    let doomed = listing.below(older.number);
    delete(store, doomed.filter(|object| !named.contains(object.location.as_ref())), older.number)
        .await
}

/// Deletes all below a number, if nothing from it on needs that.
pub(crate) async fn delete_before(
    store: &Store,
    number: u64,
    refused: &Refused,
) -> Result<Collected, Error> {
    let listing = Listing::new(store).await?;
    check_format(&listing, number)?;
    let needed = |reason: String| Err(Error::Needed { number, reason });
    let later = kept(&listing, refused).filter(|manifest| manifest.number >= number).count();
    if later < KEPT {
        return needed(format!("{later} whole checkpoints follow it, and {KEPT} are kept"));
    }
    for manifest in listing.readable().filter(|manifest| manifest.number >= number) {
        let paths = manifest.content.segments.iter().map(|segment| &*segment.path);
        let mut old =
            paths.filter(|path| names::segment_number(path).is_none_or(|its| its < number));
        if let Some(path) = old.next() {
            return needed(format!("{} names {path}", names::manifest(manifest.number)));
        }
    }
    delete(store, listing.below(number), number).await
}

/// The whole checkpoints, from the newest on.
fn kept<'a>(listing: &'a Listing, refused: &'a Refused) -> impl Iterator<Item = &'a Manifest> {
    let whole = listing.checkpoints().filter_map(Result::ok);
    whole.filter(|manifest| !refused.contains_key(&manifest.number))
}

/// What a newer version needs, which wrote one of the manifests from a number on, this one does not know.
fn check_format(listing: &Listing, number: u64) -> Result<(), Error> {
    let later = listing.manifests.range(number..);
    let mut refusals = later.filter_map(|(_, (_, manifest))| manifest.as_ref().err());
    let newer = refusals.find(|refusal| matches!(refusal.reason, Reason::TooNew { .. }));
    newer.map_or(Ok(()), |refusal| Err(refusal.clone().into()))
}

/// Deletes objects, manifests first, so that none is left that names what is gone.
async fn delete<'a>(
    store: &Store,
    doomed: impl Iterator<Item = &'a ObjectMeta>,
    number: u64,
) -> Result<Collected, Error> {
    let doomed: Vec<&ObjectMeta> = doomed.collect();
    let bytes = doomed.iter().map(|object| object.size).sum();
    let collected = Collected { objects: doomed.len(), bytes };
    let is_manifest = |path: &Path| names::manifest_number(path).is_some();
    let paths = doomed.into_iter().map(|object| object.location.clone());
    let (manifests, segments) = paths.partition(is_manifest);
    store.delete(manifests).await?;
    store.delete(segments).await?;
    leftovers::delete_below(store, number).await?;
    Ok(collected)
}
