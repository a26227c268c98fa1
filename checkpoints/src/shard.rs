//! The fixed shards that rows are divided into, so that any number of workers reads them.

use serde::{Deserialize, Serialize};

/// One of 64 shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Shard(u8);

impl Shard {
    /// The number of shards: part of the form, so it never changes.
    pub const COUNT: usize = 64;

    /// The shard of a name with this hash, which must be the same in every process and version.
    pub fn of(hash: u64) -> Shard {
        // The remainder is below 64.
        Shard((hash % Shard::COUNT as u64).to_le_bytes()[0])
    }

    /// All shards, in order.
    pub fn all() -> impl Iterator<Item = Shard> {
        (0..Shard::COUNT as u64).map(Shard::of)
    }

    /// The number of the shard, from 0 on.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl TryFrom<u8> for Shard {
    type Error = String;

    fn try_from(index: u8) -> Result<Shard, String> {
        let is_shard = usize::from(index) < Shard::COUNT;
        is_shard.then_some(Shard(index)).ok_or_else(|| format!("there is no shard {index}"))
    }
}

impl From<Shard> for u8 {
    fn from(shard: Shard) -> u8 {
        shard.0
    }
}
