//! What is there, and whether it is what was written.

use crate::decode::{decode, undecodable};
use crate::error::{Error, Refusal};
use crate::hex::RunId;
use crate::listing::Listing;
use crate::manifest::Segment;
use crate::restore::read_segment;
use crate::store::Store;
use crate::table::Table;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// A manifest, as a listing shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its number.
    pub number: u64,
    /// When the store got it.
    pub written: SystemTime,
    /// What it says, if it can be read.
    pub named: Option<Named>,
    /// What is wrong: with itself, with its segments' presence and length, or, after [`verify`], with their content.
    pub faults: Vec<Refusal>,
}

/// What a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The run that wrote it.
    pub run: RunId,
    /// Whether it is a claim.
    pub claim: bool,
    /// The logical time.
    pub time: u64,
    /// How many segments there are.
    pub segments: usize,
    /// How many rows these have.
    pub rows: u64,
    /// How many bytes these have.
    pub bytes: u64,
}

impl Listed {
    /// Whether nothing is wrong, as far as was looked.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Lists all manifests, from the newest on. Of segments it looks whether they are there, with their length.
///
/// # Errors
///
/// The store does not answer.
pub async fn list(store: &Store) -> Result<Vec<Listed>, Error> {
    let listing = Listing::new(store).await?;
    Ok(listed(&listing))
}

/// Lists all manifests as [`list`] does, reads every segment once, and compares length, checksum, table and rows.
///
/// # Errors
///
/// The store does not answer.
pub async fn verify(store: &Store, tables: &[&'static Table]) -> Result<Vec<Listed>, Error> {
    let listing = Listing::new(store).await?;
    let mut all = listed(&listing);
    // Checkpoints share segments; two that name one differently see it differently.
    let mut segments: BTreeMap<&str, Vec<(&Segment, Option<Refusal>)>> = BTreeMap::new();
    for segment in listing.readable().flat_map(|manifest| &manifest.content.segments) {
        let known = segments.entry(&segment.path).or_default();
        if !known.iter().any(|(known, _)| *known == segment) {
            known.push((segment, verify_segment(store, segment, tables).await?));
        }
    }
    for (listed, manifest) in readable(&mut all).zip(listing.readable()) {
        let named = manifest.content.segments.iter();
        let faults = named.filter_map(|segment| {
            let known = segments[&*segment.path].iter().find(|(known, _)| *known == segment);
            known.and_then(|(_, fault)| fault.clone())
        });
        listed.faults = faults.collect();
    }
    Ok(all)
}

fn readable(all: &mut [Listed]) -> impl Iterator<Item = &mut Listed> {
    all.iter_mut().filter(|listed| listed.named.is_some())
}

fn listed(listing: &Listing) -> Vec<Listed> {
    let manifests = listing.manifests.iter().rev();
    let listed = manifests.map(|(&number, (object, manifest))| {
        let written = object.last_modified.into();
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(refusal) => {
                return Listed { number, written, named: None, faults: vec![refusal.clone()] };
            }
        };
        let segments = &manifest.content.segments;
        let named = Named {
            run: manifest.run,
            claim: manifest.claim,
            time: manifest.content.time,
            segments: segments.len(),
            rows: segments.iter().map(|segment| segment.rows).sum(),
            bytes: segments.iter().map(|segment| segment.length).sum(),
        };
        let faults = listing.faults(manifest).collect();
        Listed { number, written, named: Some(named), faults }
    });
    listed.collect()
}

/// What is wrong with a segment, whose rows are all decoded.
async fn verify_segment(
    store: &Store,
    segment: &Segment,
    tables: &[&'static Table],
) -> Result<Option<Refusal>, Error> {
    let (table, bytes) = match read_segment(store, segment, tables).await {
        Ok(read) => read,
        Err(Error::Refused(refusal)) => return Ok(Some(refusal)),
        Err(error) => return Err(error),
    };
    let named = segment.clone();
    let decoded = tokio::task::spawn_blocking(move || {
        let mut rows = 0;
        for batch in decode(table, &bytes)? {
            rows += batch?.len() as u64;
        }
        named.check_rows(rows)
    });
    let decoded = decoded.await.unwrap_or_else(|error| Err(undecodable(error)));
    Ok(decoded.err().map(|reason| Refusal::new(&segment.path, reason)))
}
