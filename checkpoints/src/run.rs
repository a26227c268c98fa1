//! A run, from its claim to its end: the fence.
//!
//! Numbers are taken by creating the manifest that has them, which a store lets one do alone. A run takes the next
//! one when it starts, before it reads anything, and each further checkpoint takes the one after. So an older run
//! that wakes up finds its next number taken, or, where that one was collected, higher ones, and ends.

use crate::collect::{Collected, collect, delete_before};
use crate::encode::Encoded;
use crate::error::{Error, Reason, Refusal};
use crate::hex::RunId;
use crate::listing::{FIRST, Listing, read_manifest};
use crate::manifest::{Content, Kind, Manifest, Segment};
use crate::names::{self, MANIFESTS};
use crate::restore::Restored;
use crate::shard::Shard;
use crate::store::Store;
use crate::table::Table;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::{BTreeMap, BTreeSet};

/// A run that may write checkpoints, until it meets another one.
#[derive(Debug)]
pub struct Run {
    store: Store,
    id: RunId,
    /// The number that it took last.
    last: u64,
    /// What the checkpoints that it goes on from name: a collector leaves that.
    named: BTreeSet<String>,
    /// Checkpoints that could not be restored, which therefore do not count as kept.
    refused: BTreeMap<u64, Refusal>,
}

/// Where the segments of a run's next checkpoint go.
#[derive(Clone, Debug)]
pub struct Draft {
    store: Store,
    run: RunId,
    number: u64,
}

/// Who has a number that a run of ours wanted.
enum Taken {
    /// We do, by this manifest.
    Now,
    /// We do, by an earlier one, of which the store did not say that it was written.
    Earlier,
}

impl Run {
    /// Claims the next number, by a manifest of the same content as the newest checkpoint's that is whole.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`], if another run claims it at the same time.
    pub async fn claim(store: &Store) -> Result<Run, Error> {
        let listing = Listing::new(store).await?;
        let newest = listing.checkpoints().find_map(Result::ok);
        let content = newest.map(|manifest| manifest.content.clone()).unwrap_or_default();
        let number = listing.newest_number().map_or(FIRST, |newest| newest.saturating_add(1));
        let id = RunId(u128::from_le_bytes(random()));
        let named = paths(&content);
        take(store, &Manifest { run: id, number, claim: true, content }).await?;
        Ok(Run { store: store.clone(), id, last: number, named, refused: BTreeMap::new() })
    }

    /// Puts the same place behind something else.
    #[cfg(test)]
    pub(crate) fn replace_store(&mut self, store: Store) {
        self.store = store;
    }

    /// Its random name.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Reads the newest checkpoint that is whole, and of its segments those that may hold wanted shards. `None` if
    /// there never was a checkpoint. One that is refused is followed by the one before.
    ///
    /// # Errors
    ///
    /// [`Error::NoneUsable`], or the store does not answer: then nothing is known of any.
    pub async fn restore(
        &mut self,
        tables: &[&'static Table],
        wanted: impl Fn(Shard) -> bool,
    ) -> Result<Option<Restored>, Error> {
        let listing = Listing::new(&self.store).await?;
        let mut refused = Vec::new();
        for checkpoint in listing.checkpoints() {
            let refusal = match checkpoint {
                Err(refusal) => refusal,
                Ok(manifest) => match self.read(manifest, tables, &wanted).await? {
                    Ok(mut restored) => {
                        restored.refused = refused;
                        return Ok(Some(restored));
                    }
                    Err(refusal) => {
                        self.refuse(manifest.number, refusal.clone());
                        refusal
                    }
                },
            };
            refused.push(refusal);
        }
        if refused.is_empty() {
            return Ok(None);
        }
        Err(Error::NoneUsable { url: self.store.url().to_owned(), refused })
    }

    /// Reads a checkpoint, unless it was refused before.
    async fn read(
        &mut self,
        manifest: &Manifest,
        tables: &[&'static Table],
        wanted: impl Fn(Shard) -> bool,
    ) -> Result<Result<Restored, Refusal>, Error> {
        if let Some(refusal) = self.refused.get(&manifest.number) {
            return Ok(Err(refusal.clone()));
        }
        match Restored::of(&self.store, manifest.clone(), tables, wanted).await {
            Ok(restored) => {
                self.named.extend(paths(&manifest.content));
                Ok(Ok(restored))
            }
            Err(Error::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(error),
        }
    }

    /// Takes note that another process of this run could not restore a checkpoint: [`Run::restore`] then takes the one
    /// before.
    pub fn refuse(&mut self, number: u64, refusal: Refusal) {
        self.refused.insert(number, refusal);
    }

    /// Where the segments of the next checkpoint go.
    pub fn draft(&self) -> Draft {
        Draft::new(&self.store, self.id, self.last + 1)
    }

    /// Writes the manifest of a checkpoint whose segments are written. They are those of the checkpoint before or of
    /// this run's drafts, of which one from three checkpoints ago is too old: a collector may have removed it.
    ///
    /// After another error than [`Error::Fenced`] the same may be tried again.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`], if another run goes on from here.
    pub async fn commit(&mut self, content: Content) -> Result<u64, Error> {
        let mut manifest = Manifest { run: self.id, number: 0, claim: false, content };
        loop {
            manifest.number = self.last + 1;
            self.check_new(&manifest).await?;
            let taken = take(&self.store, &manifest).await?;
            self.last = manifest.number;
            if let Taken::Now = taken {
                self.named = paths(&manifest.content);
                return Ok(self.last);
            }
        }
    }

    /// Refuses new segments that are not there as they were written, or may be removed.
    async fn check_new(&self, manifest: &Manifest) -> Result<(), Error> {
        let segments = &manifest.content.segments;
        let mut new: Vec<_> =
            segments.iter().filter(|segment| !self.named.contains(&segment.path)).collect();
        // The older kept checkpoint is at most the last but one.
        for number in manifest.number.saturating_sub(2)..=manifest.number {
            let folder = names::folder(number, self.id);
            let is_there = |segment: &&Segment| {
                let below = segment.path.strip_prefix(folder.as_ref());
                below.is_some_and(|below| below.starts_with('/'))
            };
            let (there, others): (Vec<_>, Vec<_>) = new.into_iter().partition(is_there);
            new = others;
            let objects = match there.is_empty() {
                true => Vec::new(),
                false => self.store.list(folder.as_ref()).await?,
            };
            for segment in there {
                let object = objects.iter().find(|object| object.location.as_ref() == segment.path);
                let length = object.ok_or(Reason::Missing).map(|object| object.size);
                let checked = length.and_then(|length| segment.check_length(length));
                checked.map_err(|reason| Refusal::new(&segment.path, reason))?;
            }
        }
        let stray = new.first().map(|segment| segment.path.clone());
        stray.map_or(Ok(()), |object| Err(Error::Stray { number: manifest.number, object }))
    }

    /// Removes what neither the two newest checkpoints nor a claim after the older of them name, and has a number
    /// below that one's.
    ///
    /// # Errors
    ///
    /// The store does not do it, or a newer version writes here.
    pub async fn collect(&self) -> Result<Collected, Error> {
        collect(&self.store, &self.refused).await
    }

    /// Deletes all that has a number below one, once nothing needs it: after two checkpoints whose bases were
    /// written anew, nothing is left of what was forgotten before.
    ///
    /// # Errors
    ///
    /// [`Error::Needed`], if there are no two whole checkpoints from that number on, or one names what lies before.
    pub async fn delete_before(&self, number: u64) -> Result<Collected, Error> {
        delete_before(&self.store, number, &self.refused).await
    }
}

impl Draft {
    /// That of a run in another process, which has told its name and the number of the next checkpoint.
    pub fn new(store: &Store, run: RunId, number: u64) -> Draft {
        Draft { store: store.clone(), run, number }
    }

    /// The number of the checkpoint that it is for.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Writes a segment, and says what a manifest has to name.
    ///
    /// # Errors
    ///
    /// The store does not take it.
    pub async fn put(&self, table: &Table, kind: Kind, encoded: Encoded) -> Result<Segment, Error> {
        let Encoded { bytes, rows, checksum } = encoded;
        let random = u64::from_le_bytes(random());
        let path = names::segment(self.number, self.run, table.name, kind, random);
        let length = bytes.len() as u64;
        self.store.write(&path, bytes).await?;
        let (path, table) = (path.into(), table.name.to_owned());
        Ok(Segment { path, table, kind, rows, length, checksum })
    }
}

/// Creates a manifest, and finds that nobody else has its number or a higher one.
async fn take(store: &Store, manifest: &Manifest) -> Result<Taken, Error> {
    let (path, bytes) = (names::manifest(manifest.number), manifest.encode());
    let length = bytes.len() as u64;
    let mut taken = Taken::Now;
    if !store.create(&path, bytes).await? {
        match read_manifest(store, manifest.number).await?.transpose()? {
            Some(there) if there.run != manifest.run => return Err(Error::fenced(&there)),
            // The store has it from a request whose answer was lost.
            Some(there) if there == *manifest => {}
            Some(_) => taken = Taken::Earlier,
            // It was collected, so there are higher ones.
            None => {}
        }
    }
    let objects = store.list(MANIFESTS).await?.into_iter();
    let numbered =
        objects.filter_map(|object| Some((names::manifest_number(&object.location)?, object.size)));
    let (newest, found) = numbered.max().unwrap_or((0, 0));
    if newest > manifest.number
        && let Some(there) = read_manifest(store, newest).await?.transpose()?
    {
        return Err(Error::fenced(&there));
    }
    let reason = match taken {
        Taken::Now if newest != manifest.number => Reason::Missing,
        Taken::Now if found != length => Reason::Length { named: length, found },
        _ => return Ok(taken),
    };
    Err(Refusal::new(path, reason).into())
}

fn paths(content: &Content) -> BTreeSet<String> {
    content.segments.iter().map(|segment| segment.path.clone()).collect()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    bytes
}
