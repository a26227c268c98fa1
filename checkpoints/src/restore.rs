//! Reading a checkpoint whole before any of it is used.

use crate::batch::Batch;
use crate::decode::{decode, rows, undecodable};
use crate::error::{Error, Reason, Refusal};
use crate::listing::read_manifest;
use crate::manifest::{Manifest, Segment};
use crate::names;
use crate::shard::Shard;
use crate::store::Store;
use crate::table::Table;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;

/// How many segments are read at a time.
const AT_A_TIME: usize = 8;

/// A checkpoint whose segments are in memory as they were written: compressed, and a fraction of the state.
#[derive(Debug)]
pub struct Restored {
    /// The checkpoint.
    pub manifest: Manifest,
    /// Newer ones that could not be used.
    pub refused: Vec<Refusal>,
    segments: Vec<(&'static Table, Segment, Bytes)>,
}

impl Restored {
    /// Reads the checkpoint of a number, and of its segments those that may hold wanted shards: for the processes
    /// that are told by another one which checkpoint it restores.
    ///
    /// # Errors
    ///
    /// The checkpoint is not there or refused, or the store does not answer.
    pub async fn load(
        store: &Store,
        number: u64,
        tables: &[&'static Table],
        wanted: impl Fn(Shard) -> bool,
    ) -> Result<Restored, Error> {
        let manifest = read_manifest(store, number).await?;
        let missing = || Err(Refusal::new(names::manifest(number), Reason::Missing));
        let manifest = manifest.unwrap_or_else(missing)?;
        Restored::of(store, manifest, tables, wanted).await
    }

    /// Reads the segments of a checkpoint that may hold wanted shards.
    pub(crate) async fn of(
        store: &Store,
        manifest: Manifest,
        tables: &[&'static Table],
        wanted: impl Fn(Shard) -> bool,
    ) -> Result<Restored, Error> {
        let is_wanted = |segment: &&Segment| {
            Shard::all().any(|shard| segment.kind.may_hold(shard) && wanted(shard))
        };
        let segments: Vec<_> =
            manifest.content.segments.iter().filter(is_wanted).cloned().collect();
        let segments = stream::iter(segments)
            .map(|segment| async {
                let (table, bytes) = read_segment(store, &segment, tables).await?;
                Ok::<_, Error>((table, segment, bytes))
            })
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        Ok(Restored { manifest, refused: Vec::new(), segments })
    }

    /// The segments that were read.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = Read<'_>> {
        self.segments.iter().map(|(table, segment, bytes)| Read { table, segment, bytes })
    }

    /// The rows of a table, as they stand in its segments: not added up. This takes a thread's time.
    ///
    /// # Errors
    ///
    /// A segment cannot be decoded, although it has the checksum of what was written.
    pub fn rows(&self, table: &'static Table) -> impl Iterator<Item = Result<Batch, Error>> {
        let segments = self.segments().filter(|segment| segment.table.name == table.name);
        segments.flat_map(Read::rows)
    }
}

/// A segment that was read.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    table: &'static Table,
    segment: &'a Segment,
    bytes: &'a Bytes,
}

impl<'a> Read<'a> {
    /// Its table.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// What the manifest says of it.
    pub fn named(&self) -> &'a Segment {
        self.segment
    }

    /// Its rows, as [`Restored::rows`].
    pub fn rows(self) -> impl Iterator<Item = Result<Batch, Error>> + use<'a> {
        let refused = move |reason| Error::from(Refusal::new(&self.segment.path, reason));
        let (decoded, failed) = match decode(self.table, self.bytes) {
            Ok(batches) => (Some(batches), None),
            Err(reason) => (None, Some(Err(refused(reason)))),
        };
        let decoded = decoded.into_iter().flatten();
        decoded.map(move |batch| batch.map_err(refused)).chain(failed)
    }
}

/// Reads a segment, and refuses it unless it is what was written, of one of these tables, which it returns.
///
/// # Errors
///
/// The segment is refused, or the store does not answer.
pub async fn read_segment(
    store: &Store,
    segment: &Segment,
    tables: &[&'static Table],
) -> Result<(&'static Table, Bytes), Error> {
    let refused = move |reason| Error::from(Refusal::new(&segment.path, reason));
    let unknown = || Reason::Foreign(format!("there is no table {}", segment.table));
    let table = tables.iter().find(|table| table.name == segment.table);
    let table = *table.ok_or_else(|| refused(unknown()))?;
    let path = Path::parse(&segment.path);
    let path = path.map_err(|error| refused(Reason::Foreign(error.to_string())))?;
    let bytes = store.read(&path).await?.ok_or_else(|| refused(Reason::Missing))?;
    let checked = {
        let (segment, bytes) = (segment.clone(), bytes.clone());
        let check = move || {
            segment.check(&bytes)?;
            segment.check_rows(rows(table, &bytes)?)
        };
        tokio::task::spawn_blocking(check).await
    };
    // A decoder that panics has met what it cannot decode.
    let checked = checked.unwrap_or_else(|error| Err(undecodable(error)));
    checked.map_err(refused)?;
    Ok((table, bytes))
}
