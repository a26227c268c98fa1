//! Checkpoints as sums: open tables of differences in a folder or an object store, behind a fence.
//!
//! A state is the sum of its segments: bases and the changes since. Each segment is a Parquet file that any tool
//! opens. A manifest names segments and is written last; its number is taken by conditional creation, so that of
//! two runs one goes on. This crate knows where checkpoints are and what form they have, not what is in them.
//!
//! A run claims a number, restores, and from then on writes:
//!
//! ```
//! use checkpoints::{Column, Content, Effort, Kind, Rows, Run, Store, Table, Value, encode};
//!
//! static PROFILES: Table = Table {
//!     name: "profiles",
//!     columns: &[Column::text("user"), Column::text("tag")],
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
//! let kind = Kind::Changes { writer: 0 };
//! let mut rows = Rows::new(&PROFILES);
//! rows.push(&[Value::Text("ann"), Value::Text("shoes")], &[2]);
//! let encoded = encode(&PROFILES, Effort::Small, &[rows.into_batch()])?;
//! let segment = run.draft().put(&PROFILES, kind, encoded).await?;
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
mod places;
mod encode;
mod decode;
mod concat;
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
mod key;
mod run;
mod collect;
mod verify;
mod search;
mod export;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use collect::Collected;
pub use compaction::{Compaction, Limits};
pub use decode::decode;
pub use encode::{Effort, Encoded, Group, encode, file, group};
pub use error::{Error, Reason, Refusal};
pub use export::{Exported, export};
pub use hex::{Digest, RunId};
pub use key::key;
pub use manifest::{Content, FORMAT, Kind, Manifest, Segment};
pub use restore::{Restored, read_segment};
pub use rows::{Rows, Value};
pub use run::{Draft, Run};
pub use search::{Found, Search, contains};
pub use shard::Shard;
pub use store::Store;
pub use sum::sum;
pub use table::{Column, Table};
pub use verify::{Listed, Named, list, verify};
