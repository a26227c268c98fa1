//! What has changed since it was written last, and what a sweep has still to write.

use dataflows::arrange::packed;
use dataflows::score::counts::Counts;
use dataflows::time::Time;
use differential_dataflow::trace::cursor::{CursorList, cursor_list};
use differential_dataflow::trace::{Cursor, Navigable};
use std::collections::VecDeque;

type Batch = packed::Batch<u32, Counts>;

/// How many batches, and updates in them, are held before only their users are remembered: while
/// Redis is away, what waits is bounded by users, not by time.
const MOST_BATCHES: usize = 512;
const MOST_UPDATES: usize = 4_000_000;

/// The batches of the profile that were sealed since the last flush, each with its end.
#[derive(Default)]
pub(super) struct Sealed {
    batches: VecDeque<(Time, Batch)>,
    updates: usize,
    users: usize,
}

impl Sealed {
    pub(super) fn push(&mut self, upper: Time, batch: Batch) {
        self.updates += batch.len();
        self.users += batch.keys().len();
        self.batches.push_back((upper, batch));
    }

    fn pop(&mut self) -> Option<Batch> {
        let (_, batch) = self.batches.pop_front()?;
        self.updates -= batch.len();
        self.users -= batch.keys().len();
        Some(batch)
    }

    /// How many users have changed, at most.
    pub(super) fn users(&self) -> usize {
        self.users
    }

    pub(super) fn is_too_much(&self) -> bool {
        self.batches.len() > MOST_BATCHES || self.updates > MOST_UPDATES
    }

    /// All that changed in epochs that have closed.
    pub(super) fn take(&mut self, closed: Time) -> Option<Changes> {
        let mut batches = Vec::new();
        while self.batches.front().is_some_and(|(upper, _)| *upper <= closed) {
            batches.extend(self.pop());
        }
        (!batches.is_empty()).then(|| Changes::new(closed, batches))
    }

    /// The users of all batches, which are no longer held.
    pub(super) fn take_users(&mut self) -> impl Iterator<Item = u32> {
        std::iter::from_fn(|| self.pop()).flat_map(|batch| batch.keys().to_vec())
    }
}

/// The users and tags of some batches, each once and in order.
pub(super) struct Changes {
    closed: Time,
    batches: Vec<Batch>,
    cursor: CursorList<<Batch as Navigable>::Cursor>,
    users: usize,
}

impl Changes {
    fn new(closed: Time, batches: Vec<Batch>) -> Changes {
        let users = batches.iter().map(|batch| batch.keys().len()).sum();
        let (cursor, batches) = cursor_list(batches);
        Changes { closed, batches, cursor, users }
    }

    /// The time before which all changes are among these, or were taken earlier.
    pub(super) fn closed(&self) -> Time {
        self.closed
    }

    /// How many users are left, at most.
    pub(super) fn users(&self) -> usize {
        self.users
    }

    /// The user under way.
    pub(super) fn user(&self) -> Option<u32> {
        self.cursor.get_key(&self.batches).copied()
    }

    /// Shows the tags of the user under way that have changed, in ascending order.
    pub(super) fn tags(&mut self, mut show: impl FnMut(u32)) {
        while let Some(&tag) = self.cursor.get_val(&self.batches) {
            show(tag);
            self.cursor.step_val(&self.batches);
        }
    }

    pub(super) fn next_user(&mut self) {
        self.users = self.users.saturating_sub(1);
        self.cursor.step_key(&self.batches);
    }
}

/// A walk over users, from the first to the last.
#[derive(Default)]
pub(super) struct Sweep(Option<Under>);

struct Under {
    next: u32,
    all: bool,
}

impl Sweep {
    /// Begins with all users.
    pub(super) fn all(&mut self) {
        self.0 = Some(Under { next: 0, all: true });
    }

    /// Begins with those that this run has not written; one over all goes over all again.
    pub(super) fn those_not_ours(&mut self) {
        let all = self.0.as_ref().is_some_and(|under| under.all);
        self.0 = Some(Under { next: 0, all });
    }

    /// The next user, given which are ours.
    pub(super) fn next(&mut self, ours: &[bool]) -> Option<u32> {
        let Under { next, all } = self.0.as_mut()?;
        let rest = &ours[*next as usize..];
        let skipped = if *all { 0 } else { rest.iter().take_while(|ours| **ours).count() };
        // Users are numbered by u32.
        let user = *next + u32::try_from(skipped).ok()?;
        if (user as usize) < ours.len() {
            *next = user + 1;
            return Some(user);
        }
        self.0 = None;
        None
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_none()
    }

    /// Whether some of what has changed is left to the sweep.
    pub(super) fn is_behind(&self) -> bool {
        self.0.as_ref().is_some_and(|under| !under.all)
    }

    /// How many users are left, at most, of so many.
    pub(super) fn users(&self, users: usize) -> usize {
        self.0.as_ref().map_or(0, |under| users.saturating_sub(under.next as usize))
    }
}
