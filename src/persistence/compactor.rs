//! Adds segments together, so that a restart reads little more than the state.

use crate::config::Config;
use crate::persistence::tables::{TABLES, VIEWS, shards};
use bytes::Bytes;
use checkpoints::{
    Batch, Compaction, Draft, Effort, Error, Kind, Limits, Refusal, Segment, Shard, Store, Table,
    decode, encode, read_segment, sum,
};
use dataflows::ingest::{decisions, unique};
use dataflows::stored::StoredView;
use dataflows::time::is_needed;

/// About the most rows that are added together at once, so that memory is bounded.
const AT_ONCE: u64 = 1 << 22;

/// What segments may come to while a backlog is read.
const BEHIND: Limits = Limits { share: 4.0, small: 1 << 28, segments: 1024 };

/// The writer of change segments that were added together.
const WRITER: u32 = u32::MAX;

/// The hours for which rows are kept that tell when their record was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    event_ids: u32,
    merges: u32,
}

impl Kept {
    pub(super) fn new(config: &Config) -> Kept {
        Kept {
            event_ids: unique::kept_hours(config.limits.dedup_hours),
            merges: decisions::kept_hours(config.views.horizon_hours()),
        }
    }

    /// Drops rows that nothing needs once no record is left to read that was written before an hour.
    fn retain(self, view: StoredView, rows: Batch, oldest: u32) -> Batch {
        let (column, hours) = match view {
            StoredView::EventIds => (3, self.event_ids),
            StoredView::Merges => (3, self.merges),
            _ => return rows,
        };
        let needed: Vec<bool> = (0..rows.len())
            .map(|row| u32::try_from(rows.number(column, row)).unwrap_or(u32::MAX))
            .map(|recorded| is_needed(recorded, hours, oldest))
            .collect();
        rows.filtered(|row| needed[row])
    }
}

/// How much is added together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What would make a restart slow otherwise.
    Due,
    /// No more than must be, while there is other work: what comes from a backlog soon changes again.
    Needed,
    /// Everything, so that nothing is left of what sums to nothing.
    All,
}

/// Whether anything is to be added together.
pub(super) fn is_due(segments: &[Segment], extent: Extent) -> bool {
    TABLES.iter().any(|table| due(&of_table(segments, table), extent) != Compaction::None)
}

/// Adds together what is due. Returns all segments that there are then.
pub(super) async fn compact(
    store: &Store,
    draft: &Draft,
    segments: &[Segment],
    extent: Extent,
    (kept, oldest): (Kept, u32),
) -> Result<Vec<Segment>, Error> {
    let mut all = Vec::new();
    for (table, view) in TABLES.iter().zip(VIEWS) {
        let of_table = of_table(segments, table);
        let added = match due(&of_table, extent) {
            Compaction::None => Vec::new(),
            Compaction::Changes(added) => {
                all.extend(to_one(store, draft, table, &added).await?);
                added
            }
            Compaction::Base => {
                let retain = |rows| kept.retain(*view, rows, oldest);
                all.extend(to_bases(store, draft, (table, *view), &of_table, retain).await?);
                continue;
            }
        };
        all.extend(of_table.into_iter().filter(|segment| !added.contains(segment)).cloned());
    }
    Ok(all)
}

fn of_table<'a>(segments: &'a [Segment], table: &Table) -> Vec<&'a Segment> {
    segments.iter().filter(|segment| segment.table == table.name).collect()
}

fn due<'a>(of_table: &[&'a Segment], extent: Extent) -> Compaction<'a> {
    match extent {
        Extent::Due => Compaction::due(of_table, Limits::default()),
        Extent::Needed => Compaction::due(of_table, BEHIND),
        Extent::All => Compaction::Base,
    }
}

/// Adds changes of a table up to one segment; to none, if they sum to nothing.
async fn to_one(
    store: &Store,
    draft: &Draft,
    table: &'static Table,
    changes: &[&Segment],
) -> Result<Option<Segment>, Error> {
    let files = files(store, changes).await?;
    let rows = sum(table, &rows(table, &files, |batch| vec![batch])?);
    if rows.is_empty() {
        return Ok(None);
    }
    let encoded = encode(table, Effort::Small, &[rows])?;
    Ok(Some(draft.put(table, Kind::Changes { writer: WRITER }, encoded).await?))
}

/// Adds all segments of a table up to a base of each shard that has rows, without those that are not to be retained.
async fn to_bases(
    store: &Store,
    draft: &Draft,
    (table, view): (&'static Table, StoredView),
    segments: &[&Segment],
    retain: impl Fn(Batch) -> Batch,
) -> Result<Vec<Segment>, Error> {
    let files = files(store, segments).await?;
    let mut bases = Vec::new();
    let count: u64 = segments.iter().map(|segment| segment.rows).sum();
    let parts = usize::try_from(count / AT_ONCE + 1).unwrap_or(usize::MAX).min(Shard::COUNT);
    for part in 0..parts {
        let of_part = |shard: Shard| shard.index() % parts == part;
        let wanted = files.iter().filter(|(segment, _)| match segment.kind {
            Kind::Base { shard } => of_part(shard),
            Kind::Changes { .. } => true,
        });
        let wanted: Vec<_> = wanted.cloned().collect();
        let mut of_shards: Vec<Vec<Batch>> = vec![Vec::new(); Shard::COUNT];
        for (shard, batch) in rows(table, &wanted, |batch| {
            let shards = shards(view, &batch);
            batch.divided(|row| shards[row], of_part)
        })? {
            of_shards[shard.index()].push(batch);
        }
        for (shard, batches) in Shard::all().zip(of_shards) {
            let rows = retain(sum(table, &batches));
            if !rows.is_empty() {
                let encoded = encode(table, Effort::Small, &[rows])?;
                bases.push(draft.put(table, Kind::Base { shard }, encoded).await?);
            }
        }
    }
    Ok(bases)
}

/// Reads segments, as they were written.
async fn files<'a>(
    store: &Store,
    segments: &[&'a Segment],
) -> Result<Vec<(&'a Segment, Bytes)>, Error> {
    let mut files = Vec::new();
    for segment in segments {
        files.push((*segment, read_segment(store, segment, TABLES).await?.1));
    }
    Ok(files)
}

/// The rows of segments, as `each` makes them of a batch.
fn rows<T>(
    table: &'static Table,
    files: &[(&Segment, Bytes)],
    each: impl Fn(Batch) -> Vec<T>,
) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for (segment, bytes) in files {
        let refused = |reason| Refusal { object: segment.path.clone(), reason };
        for batch in decode(table, bytes).map_err(refused)? {
            all.extend(each(batch.map_err(refused)?));
        }
    }
    Ok(all)
}
