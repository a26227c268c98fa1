//! The names of objects, which sort by number.
//!
//! ```text
//! manifests/00000000000000000007.json
//! segments/00000000000000000007-<run>/<table>/base-03-<random>.parquet
//! ```
//!
//! A segment's name ends at random: what a try wrote that failed is never written over, for its manifest may be
//! there although the store did not say so.

use crate::hex::RunId;
use crate::manifest::Kind;
use object_store::path::Path;

/// The folder of manifests.
pub(crate) const MANIFESTS: &str = "manifests";
/// The folder of segments.
pub(crate) const SEGMENTS: &str = "segments";

/// The path of a manifest.
pub(crate) fn manifest(number: u64) -> Path {
    Path::from(format!("{MANIFESTS}/{number:020}.json"))
}

/// The number of a manifest, if the path is one's.
pub(crate) fn manifest_number(path: &Path) -> Option<u64> {
    let name = path.as_ref().strip_prefix(MANIFESTS)?.strip_prefix('/')?;
    number(name.strip_suffix(".json")?)
}

/// The folder of the segments that a run writes for a checkpoint.
pub(crate) fn folder(number: u64, run: RunId) -> Path {
    Path::from(format!("{SEGMENTS}/{number:020}-{run}"))
}

/// The path of a segment.
pub(crate) fn segment(number: u64, run: RunId, table: &str, kind: Kind, random: u64) -> Path {
    let kind = match kind {
        Kind::Base { shard } => format!("base-{:02}", shard.index()),
        Kind::Changes { writer } => format!("changes-{writer:02}"),
    };
    let folder = folder(number, run);
    Path::from(format!("{folder}/{table}/{kind}-{random:016x}.parquet"))
}

/// The number of the checkpoint that an object below `segments` was written for.
pub(crate) fn segment_number(path: &str) -> Option<u64> {
    let name = path.strip_prefix(SEGMENTS)?.strip_prefix('/')?;
    number(name.split_once('-')?.0)
}

fn number(text: &str) -> Option<u64> {
    let is_number = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
