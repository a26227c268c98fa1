//! What holds of checkpoints, against folders, stores that fail, and a model of the rows.

mod segments;
mod sums;
mod compaction;
mod manifests;
mod fence;
mod refused;
mod kept;
mod faults;
mod verify;
mod export;

use crate::{
    Batch, Column, Content, Digest, Effort, Encoded, Error, Kind, Restored, Rows, Run, Segment,
    Shard, Store, Table, Value, encode,
};
use serde_json::json;
use std::collections::BTreeMap;
use tempfile::TempDir;

pub(crate) static PROFILES: Table = Table {
    name: "profiles",
    columns: &[Column::text("user"), Column::text("tag")],
    counts: &["views", "carts"],
};

pub(crate) static TRENDS: Table =
    Table { name: "trends", columns: &[Column::text("product")], counts: &["events"] };

pub(crate) const TABLES: [&Table; 2] = [&PROFILES, &TRENDS];

/// What profiles add up to.
pub(crate) type Profiles = BTreeMap<(String, String), [i64; 2]>;

/// A row of profiles.
pub(crate) type Row<'a> = (&'a str, &'a str, [i64; 2]);

pub(crate) fn shard(name: &str) -> Shard {
    Shard::of(name.bytes().fold(7, |hash, byte| hash * 31 + u64::from(byte)))
}

pub(crate) fn profiles(rows: &[Row<'_>]) -> Batch {
    let mut built = Rows::new(&PROFILES);
    for (user, tag, counts) in rows {
        built.push(&[Value::Text(user), Value::Text(tag)], counts);
    }
    built.into_batch()
}

/// The rows of each shard.
pub(crate) fn divided(rows: &Batch) -> Vec<(Shard, Batch)> {
    rows.divided(|row| shard(rows.text(0, row)), |_| true)
}

/// A segment of changes.
pub(crate) fn changes(rows: &[Row<'_>]) -> Encoded {
    encode(&PROFILES, Effort::Fast, &[profiles(rows)]).unwrap()
}

/// Adds rows to what others add up to.
pub(crate) fn add(sum: &mut Profiles, rows: &[Row<'_>]) {
    for (user, tag, counts) in rows {
        let row = sum.entry((user.to_string(), tag.to_string())).or_default();
        row.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.wrapping_add(*count));
    }
    sum.retain(|_, counts| *counts != [0, 0]);
}

pub(crate) fn added(batches: &[Batch]) -> Profiles {
    let mut sum = Profiles::new();
    for batch in batches {
        for row in 0..batch.len() {
            let counts = [batch.counts(0)[row], batch.counts(1)[row]];
            add(&mut sum, &[(batch.text(0, row), batch.text(1, row), counts)]);
        }
    }
    sum
}

pub(crate) fn restored_profiles(restored: &Restored) -> Profiles {
    let rows = restored.rows(&PROFILES).map(Result::unwrap);
    added(&rows.collect::<Vec<_>>())
}

/// A run whose checkpoints are all that it wrote.
pub(crate) struct Writer {
    pub(crate) run: Run,
    pub(crate) segments: Vec<Segment>,
    pub(crate) time: u64,
}

impl Writer {
    pub(crate) async fn claim(store: &Store) -> Result<Writer, Error> {
        Ok(Writer { run: Run::claim(store).await?, segments: Vec::new(), time: 0 })
    }

    /// Claims, and goes on from what it restores.
    pub(crate) async fn restore(store: &Store) -> Result<(Writer, Option<Restored>), Error> {
        let mut writer = Writer::claim(store).await?;
        let restored = writer.run.restore(&TABLES, |_| true).await?;
        if let Some(restored) = &restored {
            writer.segments = restored.manifest.content.segments.clone();
            writer.time = restored.manifest.content.time;
        }
        Ok((writer, restored))
    }

    /// Adds a segment of changes and commits.
    pub(crate) async fn write(&mut self, rows: &[Row<'_>]) -> Result<u64, Error> {
        let kind = Kind::Changes { writer: 3 };
        let encoded = encode(&PROFILES, Effort::Fast, &[profiles(rows)])?;
        let segment = self.run.draft().put(&PROFILES, kind, encoded).await?;
        let segments = [&*self.segments, &[segment]].concat();
        self.commit(segments).await
    }

    /// Commits segments in place of those before.
    pub(crate) async fn commit(&mut self, segments: Vec<Segment>) -> Result<u64, Error> {
        let content = Content {
            time: self.time + 2,
            views: [("profiles".to_owned(), Some(Digest(u128::from(self.time))))].into(),
            segments: segments.clone(),
            state: json!({"positions": {"events-0": 4711}}),
        };
        let number = self.run.commit(content).await?;
        (self.segments, self.time) = (segments, self.time + 2);
        Ok(number)
    }

    /// Adds all segments up to bases, in place of them, and commits.
    pub(crate) async fn rebase(&mut self, rows: &Profiles) -> Result<u64, Error> {
        let rows: Vec<Row<'_>> =
            rows.iter().map(|((user, tag), counts)| (&**user, &**tag, *counts)).collect();
        let mut bases = Vec::new();
        for (shard, batch) in divided(&profiles(&rows)) {
            let kind = Kind::Base { shard };
            let encoded = encode(&PROFILES, Effort::Fast, &[batch])?;
            bases.push(self.run.draft().put(&PROFILES, kind, encoded).await?);
        }
        self.commit(bases).await
    }
}

/// A store in a folder of its own.
pub(crate) fn folder() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    (folder, store)
}

/// The paths of all objects of a folder, and of what is half-written.
pub(crate) fn files(folder: &TempDir) -> Vec<String> {
    fn walk(at: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }
    let mut all = Vec::new();
    walk(folder.path(), &mut all);
    let below = |path: std::path::PathBuf| path.strip_prefix(folder.path()).unwrap().to_owned();
    let mut all: Vec<_> =
        all.into_iter().map(|path| below(path).to_str().unwrap().to_owned()).collect();
    all.sort();
    all
}
