//! What a checkpoint is made of, as JSON with a checksum.
//!
//! ```json
//! {"format":3,"sha256":"…","manifest":{"run":"…","number":7,…}}
//! ```

use crate::encode::checksum;
use crate::error::{Error, Reason};
use crate::hex::{Digest, RunId};
use crate::shard::Shard;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The version of the form of manifests, of segments and of the tables in them. No other is read.
pub const FORMAT: u64 = 3;
/// The first version of it.
const FIRST_FORMAT: u64 = 1;

/// What a caller puts into a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The logical time that the segments add up to the state of.
    pub time: u64,
    /// The views, with the digest of those that have one.
    pub views: BTreeMap<String, Option<Digest>>,
    /// What adds up to the state: old segments, and new ones of this checkpoint's [`crate::Draft`].
    pub segments: Vec<Segment>,
    /// Positions and what else is small and the caller's own.
    pub state: Value,
}

/// A checkpoint, or a claim to write the following ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which run wrote it.
    pub run: RunId,
    /// Its number, as in its path.
    pub number: u64,
    /// Whether it is a claim: then its content is that of the checkpoint before, or empty, and it is restored from
    /// that one.
    pub claim: bool,
    /// What it is a checkpoint of.
    pub content: Content,
}

/// A file of rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Where it is, below the store's URL.
    pub path: String,
    /// The name of the table.
    pub table: String,
    /// Whose rows it has.
    pub kind: Kind,
    /// How many rows it has.
    pub rows: u64,
    /// How many bytes it has.
    pub length: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub checksum: String,
}

/// Whose rows a segment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Kind {
    /// All of one shard, up to some time.
    Base {
        /// The shard.
        shard: Shard,
    },
    /// Changes of any shards.
    Changes {
        /// Who wrote it, such as a worker.
        writer: u32,
    },
}

impl Kind {
    /// Whether rows of a shard may be in it.
    pub fn may_hold(self, wanted: Shard) -> bool {
        match self {
            Kind::Base { shard } => shard == wanted,
            Kind::Changes { .. } => true,
        }
    }
}

/// A manifest's file: the checksum is that of the manifest's text as it stands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    format: u64,
    sha256: String,
    #[serde(borrow)]
    manifest: &'a RawValue,
}

/// What every version can read of a manifest's file.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl Manifest {
    /// The manifest's file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let manifest = serde_json::value::to_raw_value(self);
        let manifest = manifest.expect("all keys are texts, and nothing else can fail");
        let sha256 = checksum(manifest.get().as_bytes());
        let file = serde_json::to_vec(&File { format: FORMAT, sha256, manifest: &manifest });
        file.expect("all keys are texts, and nothing else can fail")
    }

    /// The manifest of a file that has this number in its path, or the reason why it is none.
    pub(crate) fn decode(bytes: &[u8], number: u64) -> Result<Manifest, Reason> {
        let syntax = |error: serde_json::Error| Reason::Syntax(error.to_string());
        let Format { format } = serde_json::from_slice(bytes).map_err(syntax)?;
        if format > FORMAT {
            return Err(Reason::TooNew { format, known: FORMAT });
        }
        if (FIRST_FORMAT..FORMAT).contains(&format) {
            return Err(Reason::TooOld { format, known: FORMAT });
        }
        if format != FORMAT {
            return Err(Reason::Foreign(format!("there is no format {format}")));
        }
        let file: File<'_> = serde_json::from_slice(bytes).map_err(syntax)?;
        if checksum(file.manifest.get().as_bytes()) != file.sha256 {
            return Err(Reason::Checksum);
        }
        let manifest: Manifest = serde_json::from_str(file.manifest.get()).map_err(syntax)?;
        if manifest.number == number {
            return Ok(manifest);
        }
        Err(Reason::Foreign(format!("it has number {}, not {number}", manifest.number)))
    }
}

impl Segment {
    /// Refuses bytes that are not those that were written.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), Reason> {
        self.check_length(bytes.len() as u64)?;
        if checksum(bytes) == self.checksum { Ok(()) } else { Err(Reason::Checksum) }
    }

    /// Refuses a file that has another length.
    pub(crate) fn check_length(&self, found: u64) -> Result<(), Reason> {
        let named = self.length;
        if found == named { Ok(()) } else { Err(Reason::Length { named, found }) }
    }

    /// Refuses a file that has another number of rows.
    pub(crate) fn check_rows(&self, found: u64) -> Result<(), Reason> {
        let named = self.rows;
        if found == named { Ok(()) } else { Err(Reason::Rows { named, found }) }
    }
}

impl Error {
    /// That another run has taken a number.
    pub(crate) fn fenced(manifest: &Manifest) -> Error {
        Error::Fenced { run: manifest.run, number: manifest.number }
    }
}
