//! The users whose keys Redis does not let the engine write.

use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The time after which refused users are written again: somebody may have granted the right.
const RETRY: Duration = Duration::from_secs(10);
/// The most names that are held. Where more are refused, all profiles are written again.
const MAX_NAMES: usize = 10_000;

/// The users whose keys Redis refused to have written, until they are tried again.
#[derive(Default)]
pub(super) struct Refused {
    waiting: HashSet<String>,
    /// The users that the log has named.
    told: HashSet<String>,
    /// The time of the first refusal among those that wait.
    since: Option<Instant>,
}

/// The users to be written again.
#[derive(Debug, PartialEq)]
pub(super) enum Again {
    Users(HashSet<String>),
    Everybody,
}

impl Refused {
    /// Adds a user. Returns true when the log is to name them.
    pub(super) fn add(&mut self, user: &str, now: Instant) -> bool {
        self.since.get_or_insert(now);
        if self.waiting.len() <= MAX_NAMES {
            self.waiting.insert(user.into());
        }
        self.told.len() < MAX_NAMES && self.told.insert(user.into())
    }

    /// Returns the users to be written again, once it is time.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Again> {
        self.since.take_if(|since| RETRY <= now.saturating_duration_since(*since))?;
        let users = std::mem::take(&mut self.waiting);
        Some(if users.len() <= MAX_NAMES { Again::Users(users) } else { Again::Everybody })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_user_is_named_once_and_tried_again() {
        let (mut refused, start) = (Refused::default(), Instant::now());
        assert_eq!(refused.take_due(start + RETRY), None);
        assert!(refused.add("a", start));
        assert!(!refused.add("a", start + RETRY / 2));
        assert!(refused.add("b", start + RETRY / 2));
        assert_eq!(refused.take_due(start + RETRY / 2), None);
        let both = HashSet::from(["a".into(), "b".into()]);
        assert_eq!(refused.take_due(start + RETRY), Some(Again::Users(both)));
        assert_eq!(refused.take_due(start + RETRY * 3), None);
        assert!(!refused.add("a", start + RETRY * 3));
    }

    #[test]
    fn the_names_that_are_held_are_bounded() {
        let (mut refused, start) = (Refused::default(), Instant::now());
        let named = (0..3 * MAX_NAMES).filter(|user| refused.add(&user.to_string(), start));
        assert_eq!(named.count(), MAX_NAMES);
        assert!(refused.waiting.len() <= MAX_NAMES + 1);
        assert_eq!(refused.take_due(start + RETRY), Some(Again::Everybody));
    }
}
