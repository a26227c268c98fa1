//! The batches of the profile that are not written yet, and the users and tags that changed in them.

use dataflows::arrange::packed;
use dataflows::held::Size;
use dataflows::score::counts::Counts;
use dataflows::time::Time;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::cursor::{CursorList, cursor_list};
use differential_dataflow::trace::{Cursor, Navigable};
use std::collections::VecDeque;

type ProfileBatch = packed::Batch<u32, Counts>;

/// The most batches, and updates in them, that are held. Beyond that only their users are noted: while
/// Redis is away, the memory is bounded by the number of users, not by time.
const MOST_BATCHES: usize = 512;
const MOST_UPDATES: usize = 4_000_000;

/// The batches of the profile that are not written yet, each with the time at which it ends.
#[derive(Default)]
pub(super) struct Sealed {
    batches: VecDeque<(Time, ProfileBatch)>,
    updates: usize,
}

impl Sealed {
    /// Adds a batch, which ends at `upper`.
    pub(super) fn push(&mut self, upper: Time, batch: ProfileBatch) {
        self.updates += batch.len();
        self.batches.push_back((upper, batch));
    }

    fn pop(&mut self) -> Option<ProfileBatch> {
        let (_, batch) = self.batches.pop_front()?;
        self.updates -= batch.len();
        Some(batch)
    }

    /// What is held. Batches that the profile has not merged yet count there as well.
    pub(super) fn size(&self) -> Size {
        let bytes = self.batches.iter().map(|(_, batch)| batch.bytes()).sum();
        Size { records: self.updates, bytes }
    }

    /// True when more is held than should be.
    pub(super) fn is_too_much(&self) -> bool {
        self.batches.len() > MOST_BATCHES || self.updates > MOST_UPDATES
    }

    /// Takes out the changes of epochs that have closed.
    pub(super) fn take(&mut self, closed: Time) -> Option<Changes> {
        let mut batches = Vec::new();
        while self.batches.front().is_some_and(|(upper, _)| *upper <= closed) {
            batches.extend(self.pop());
        }
        (!batches.is_empty()).then(|| Changes::new(closed, batches))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Takes out all batches, and returns their users.
    pub(super) fn take_users(&mut self) -> impl Iterator<Item = u32> {
        std::iter::from_fn(|| self.pop()).flat_map(|batch| batch.keys().to_vec())
    }
}

/// The users and tags that changed in some batches, each once and in order.
pub(super) struct Changes {
    closed: Time,
    batches: Vec<ProfileBatch>,
    cursor: CursorList<<ProfileBatch as Navigable>::Cursor>,
}

impl Changes {
    fn new(closed: Time, batches: Vec<ProfileBatch>) -> Changes {
        let (cursor, batches) = cursor_list(batches);
        Changes { closed, batches, cursor }
    }

    /// The time before which all changes are among these, or were taken out before.
    pub(super) fn closed(&self) -> Time {
        self.closed
    }

    /// The current user.
    pub(super) fn user(&self) -> Option<u32> {
        self.cursor.get_key(&self.batches).copied()
    }

    /// Shows the changed tags of the current user, in ascending order, each with its change.
    pub(super) fn tags(&mut self, mut show: impl FnMut(u32, Counts)) {
        while let Some(&tag) = self.cursor.get_val(&self.batches) {
            let mut change = Counts::default();
            self.cursor.map_times(&self.batches, |_, counts| change.plus_equals(counts));
            show(tag, change);
            self.cursor.step_val(&self.batches);
        }
    }

    /// The users that are left.
    pub(super) fn into_users(mut self) -> impl Iterator<Item = u32> {
        std::iter::from_fn(move || {
            let user = self.user()?;
            self.next_user();
            Some(user)
        })
    }

    /// Goes on to the next user.
    pub(super) fn next_user(&mut self) {
        self.cursor.step_key(&self.batches);
    }
}
