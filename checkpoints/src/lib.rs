//! Checkpoints as sums: open tables of differences in a folder or an object store, behind a fence.
//!
//! A state is the sum of its segments: bases and the changes since. Each segment is a Parquet file that any tool
//! opens. A manifest names segments and is written last; its number is taken by conditional creation, so that of
//! two runs one goes on. This crate knows where checkpoints are and what form they have, not what is in them.
//!
//! A run claims a number, restores, and from then on writes:
//!
//! ```
//! use checkpoints::{Column, Content, Kind, Rows, Run, Shard, Store, Table, Value, encode};
//!
//! static PROFILES: Table = Table {
//!     name: "profiles",
//!     columns: &[Column::text("user"), Column::text("tag").with_dictionary()],
//!     counts: &["views"],
//! };
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let url = folder.path().to_str().unwrap();
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
//! let store = Store::open(url)?;
//! let mut run = Run::claim(&store).await?;
//! assert!(run.restore(&[&PROFILES], |_| true).await?.is_none());
//!
//! let mut rows = Rows::new(&PROFILES);
//! rows.push(Shard::of(7), &[Value::Text("ann"), Value::Text("shoes")], &[2]);
//! let encoded = encode(&PROFILES, &rows.into_shards())?;
//! let segment = run.draft().put(&PROFILES, Kind::Changes { writer: 0 }, encoded).await?;
//! run.commit(Content { time: 12, segments: vec![segment], ..Content::default() }).await?;
//! # Ok::<(), checkpoints::Error>(())
//! # }).unwrap();
//! ```

mod error;
mod hex;
mod shard;
mod table;
mod batch;
mod rows;
mod segment;
mod sum;
mod compaction;
mod names;
mod manifest;
#[cfg(any(test, feature = "faults"))]
pub mod faults;
mod store;
mod leftovers;
mod listing;
mod restore;
mod run;
mod collect;
mod verify;
mod search;
#[cfg(test)]
mod tests;

pub use batch::{Batch, TextLists};
pub use collect::Collected;
pub use compaction::{Compaction, Limits};
pub use error::{Error, Reason, Refusal};
pub use hex::{Digest, RunId};
pub use manifest::{Content, FORMAT, Kind, Manifest, Segment};
pub use restore::Restored;
pub use rows::{Rows, Value};
pub use run::{Draft, Run};
pub use search::{Found, Search, contains};
pub use segment::{Encoded, decode, encode};
pub use shard::Shard;
pub use store::Store;
pub use sum::{sum, sum_of_shard};
pub use table::{Column, ColumnType, Table};
pub use verify::{Listed, Named, list, verify};
