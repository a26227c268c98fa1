//! The rows that move, as values of views and as messages between workers.

use crate::arrange::packed::Value;
use crate::ingest::moment::{Flags, Moment};
use crate::record::event::Kind;
use crate::score::counts::Counts;
use serde::{Deserialize, Serialize};

/// A row of a user that no moment of the history accounts for: its event is older than the horizon, or was beyond
/// the limit of its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Row {
    /// A tag of the profile.
    Tag(u32),
    /// A product that was bought.
    Product(u32),
    /// A minute of activity, counted from the Unix epoch.
    Minute(u32),
}

/// A row that came from another user, with the hour from which its age is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DatedRow {
    /// The hour, counted from the Unix epoch.
    pub hour: u32,
    /// The row.
    pub row: Row,
}

impl Value for DatedRow {}

/// The rows that a moment accounts for, under these tags, and in this minute: none, unless it counts.
pub(super) fn rows_of(
    moment: Moment,
    minute: u32,
    tags: &[u32],
    counts: Counts,
) -> impl Iterator<Item = (Row, Counts)> {
    let purchases = Counts([0, 0, counts.of(Kind::Purchase)]);
    let bought =
        (purchases != Counts::default()).then_some((Row::Product(moment.product), purchases));
    let (tags, minute) =
        if moment.counts() { (tags, Some((Row::Minute(minute), counts))) } else { (&[][..], None) };
    tags.iter().map(move |&tag| (Row::Tag(tag), counts)).chain(bought).chain(minute)
}

/// Rows that begin or cease to count for a user, by the signs of their counts. All names are texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MovedRows {
    /// The worker that owns the user.
    pub(super) owner: usize,
    /// The user.
    pub(super) holder: String,
    /// The user from whose events they were made, if that is another.
    pub(super) origin: Option<String>,
    pub(super) moments: Vec<(MovedMoment, Counts)>,
    pub(super) rest: Vec<(MovedRow, Counts)>,
}

/// A moment that moves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct MovedMoment {
    /// In milliseconds since the Unix epoch.
    pub(super) time: u64,
    pub(super) product: String,
    pub(super) tags: Vec<String>,
    pub(super) is_stand_in: bool,
    pub(super) flags: Flags,
}

/// As [`DatedRow`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MovedRow {
    pub(super) hour: u32,
    pub(super) row: NamedRow,
}

/// As [`Row`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum NamedRow {
    Tag(String),
    Product(String),
    Minute(u32),
}
