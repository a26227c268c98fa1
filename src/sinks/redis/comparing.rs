//! Whom a worker compares with Redis, and when: all users again and again, slowly, or all at once when that is asked
//! for.

use crate::sinks::redis::audit::Audit;
use crate::sinks::redis::writer::Found;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least time from the beginning of one round over all users to that of the next.
const ROUND: Duration = Duration::from_secs(10);
/// The least time between two slices of a round, so that few users wake nobody.
const SLICE: Duration = Duration::from_millis(500);
/// The time after which comparing is tried again that Redis does not allow.
const REFUSED: Duration = Duration::from_secs(60);

/// The comparisons of a worker that are to be made.
pub(super) struct Comparing {
    /// The most users a second; 0 for none.
    per_second: usize,
    /// The next user of the round; `None` between two rounds.
    next: Option<u32>,
    began: Option<Instant>,
    /// The users that the slice may still compare, and when it began.
    left: usize,
    slice: Option<Instant>,
    paused: Option<Instant>,
    found: VecDeque<Found>,
    audit: Option<AuditWalk>,
}

/// A worker's part of a comparison of all keys.
struct AuditWalk {
    audit: Arc<Audit>,
    /// The next user; `None` after the last.
    next: Option<u32>,
    /// The number of pipelines that must be acknowledged, once all that it asks for has been sent.
    sent: Option<u64>,
}

/// A user, or a key that was found, to compare.
pub(super) enum Next {
    User(u32, Option<Arc<Audit>>),
    Found(Found),
}

impl Comparing {
    pub(super) fn new(per_second: usize) -> Comparing {
        Comparing {
            per_second,
            next: None,
            began: None,
            left: 0,
            slice: None,
            paused: None,
            found: VecDeque::new(),
            audit: None,
        }
    }

    /// Begins a comparison of all keys; it takes the place of one that is under way.
    pub(super) fn begin(&mut self, audit: Arc<Audit>) {
        self.audit = Some(AuditWalk { audit, next: Some(0), sent: None });
    }

    /// Adds keys that were found.
    pub(super) fn add(&mut self, found: impl IntoIterator<Item = Found>) {
        self.found.extend(found);
    }

    /// Stops for a while: Redis does not allow it.
    pub(super) fn pause(&mut self, now: Instant) {
        self.paused = Some(now);
        self.next = None;
        self.found.clear();
        if let Some(walk) = &mut self.audit {
            walk.next = None;
        }
    }

    /// Begins another slice of the round, and another round, if it is time.
    pub(super) fn tick(&mut self, now: Instant) {
        let is_past = |since: Option<Instant>, time| {
            since.is_none_or(|since| time <= now.saturating_duration_since(since))
        };
        if self.per_second == 0 || !is_past(self.paused, REFUSED) || !is_past(self.slice, SLICE) {
            return;
        }
        let since =
            self.slice.replace(now).map_or(SLICE, |last| now.saturating_duration_since(last));
        // A second's worth at most, however long the worker was busy.
        let micros = since.as_micros().min(1_000_000);
        let left = self.per_second as u128 * micros / 1_000_000;
        self.left = usize::try_from(left).unwrap_or(usize::MAX).max(1);
        if self.next.is_none() && is_past(self.began, ROUND) {
            self.next = Some(0);
            self.began = Some(now);
        }
    }

    /// True if there is somebody to compare.
    pub(super) fn is_due(&self) -> bool {
        let is_asked = self.audit.as_ref().is_some_and(|walk| walk.next.is_some());
        is_asked || !self.found.is_empty() || (self.next.is_some() && self.left > 0)
    }

    /// The next to compare, among users whose hash is as this run wrote it.
    pub(super) fn next(&mut self, written: &[bool]) -> Option<Next> {
        if let Some(found) = self.found.pop_front() {
            return Some(Next::Found(found));
        }
        if let Some(walk) = &mut self.audit
            && let Some(user) = advance(&mut walk.next, written)
        {
            return Some(Next::User(user, Some(walk.audit.clone())));
        }
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        advance(&mut self.next, written).map(|user| Next::User(user, None))
    }

    /// Tells the comparison that was asked for of its end, once Redis has answered all of it and what was to be
    /// mended is written, given the numbers of pipelines that were sent and acknowledged.
    pub(super) fn settle(&mut self, sent: u64, acknowledged: u64, is_swept: bool) {
        let Some(walk) = &mut self.audit else { return };
        let is_sent = walk.next.is_none() && walk.audit.is_scanned() && self.found.is_empty();
        if !is_sent || !is_swept {
            walk.sent = None;
        } else if *walk.sent.get_or_insert(sent) <= acknowledged {
            walk.audit.finish();
            self.audit = None;
        }
    }
}

/// The next user that is written, from a place on, which moves on.
fn advance(next: &mut Option<u32>, written: &[bool]) -> Option<u32> {
    let from = (*next)?;
    let ahead = written.get(from as usize..).unwrap_or_default();
    let skipped = ahead.iter().position(|written| *written);
    // Users are numbered by u32.
    let user = skipped.and_then(|skipped| from.checked_add(u32::try_from(skipped).ok()?));
    *next = user.map(|user| user + 1);
    user
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(comparing: &mut Comparing, written: &[bool]) -> Vec<u32> {
        let next = std::iter::from_fn(|| comparing.next(written));
        let user = |next| if let Next::User(user, _) = next { Some(user) } else { None };
        next.filter_map(user).collect()
    }

    #[test]
    fn a_round_goes_over_the_written_users_at_its_pace() {
        let written = [true, false, true, true, true, false];
        let (mut comparing, start) = (Comparing::new(4), Instant::now());
        assert!(!comparing.is_due());
        comparing.tick(start);
        assert!(comparing.is_due());
        assert_eq!(users(&mut comparing, &written), [0, 2]);
        comparing.tick(start + SLICE / 2);
        assert!(users(&mut comparing, &written).is_empty());
        // A second's worth.
        comparing.tick(start + 60 * SLICE);
        assert_eq!(users(&mut comparing, &written), [3, 4]);
        assert!(!comparing.is_due());
        comparing.tick(start + 61 * SLICE);
        assert_eq!(users(&mut comparing, &written), [0, 2], "another round");
        assert!(users(&mut Comparing::new(0), &written).is_empty());
    }

    #[test]
    fn few_users_are_not_compared_again_at_once() {
        let (mut comparing, start) = (Comparing::new(1_000), Instant::now());
        comparing.tick(start);
        assert_eq!(users(&mut comparing, &[true]), [0]);
        comparing.tick(start + ROUND / 2);
        assert!(!comparing.is_due());
        comparing.tick(start + ROUND);
        assert_eq!(users(&mut comparing, &[true]), [0]);
    }

    #[test]
    fn all_at_once_ends_when_everything_is_answered_and_mended() {
        let mut comparing = Comparing::new(0);
        let audit = Arc::new(Audit::new(true, 1));
        comparing.begin(audit.clone());
        assert_eq!(users(&mut comparing, &[true, true]), [0, 1]);
        comparing.settle(5, 5, true);
        assert_eq!(audit.finished(), None, "other keys may be found");
        comparing.add([Found { user: b"x".to_vec(), audit: Some(audit.clone()) }]);
        audit.set_scanned();
        comparing.settle(6, 6, true);
        assert!(matches!(comparing.next(&[]), Some(Next::Found(_))));
        comparing.settle(7, 6, true);
        assert_eq!(audit.finished(), None, "Redis has not answered");
        comparing.settle(7, 7, false);
        comparing.settle(9, 8, true);
        assert_eq!(audit.finished(), None, "what was mended is not written");
        comparing.settle(9, 9, true);
        assert!(audit.finished().is_some());
    }
}
