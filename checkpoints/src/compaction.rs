//! When segments of a table are to be added together.
//!
//! Adding is exact whatever is added when, so this only weighs bytes written against bytes read at a restart.

use crate::manifest::{Kind, Segment};

/// What a table's segments may come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The changes' share of the base, in bytes, from which on the next base is made.
    pub share: f64,
    /// As many bytes of changes never ask for a base: small tables would write 64 files for a few rows.
    pub small: u64,
    /// More change segments than this are too many.
    pub segments: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { share: 0.5, small: 1 << 20, segments: 64 }
    }
}

/// What is to be added together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compaction<'a> {
    /// Nothing yet.
    None,
    /// These change segments, to one.
    Changes(Vec<&'a Segment>),
    /// All segments, to a base of each shard.
    Base,
}

impl Compaction<'_> {
    /// Decides for the segments of one table.
    ///
    /// A base is written anew once changes come to a share of it, so that each of its bytes is written a bounded
    /// number of times for as many bytes of changes. Where there are many changes, the smaller half becomes one:
    /// segments of a size meet their like, and a change is written again a logarithmic number of times.
    pub fn due<'a>(segments: &[&'a Segment], limits: Limits) -> Compaction<'a> {
        let is_change = |segment: &&&Segment| matches!(segment.kind, Kind::Changes { .. });
        let mut changes: Vec<&Segment> = segments.iter().filter(is_change).copied().collect();
        let bytes =
            |segments: &[&Segment]| segments.iter().map(|segment| segment.length).sum::<u64>();
        let changed = bytes(&changes);
        let base = bytes(segments) - changed;
        if changed > limits.small && changed as f64 > limits.share * base as f64 {
            return Compaction::Base;
        }
        if changes.len() <= limits.segments.max(1) {
            return Compaction::None;
        }
        changes.sort_by_key(|segment| (segment.length, &segment.path));
        changes.truncate((changes.len() / 2).max(2));
        Compaction::Changes(changes)
    }
}
