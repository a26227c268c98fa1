//! The users whose profile waits to be sent to Redis, each counted once.

use dataflows::time::Time;

/// Set in a user's note while a sweep is to write the user.
const SWEPT: u64 = 1 << 63;

/// Notes for each user until when it has changed, and whether a sweep is to write it.
///
/// Changes are written up to a time. A user that changes again meanwhile waits on.
#[derive(Default)]
pub(super) struct Waiting {
    /// By user: the end of the latest batch of changes with it, or 0, and [`SWEPT`].
    notes: Vec<u64>,
    users: usize,
}

impl Waiting {
    /// The number of users that wait.
    pub(super) fn users(&self) -> usize {
        self.users
    }

    /// Notes the users of a batch of changes, which ends at `upper`.
    pub(super) fn changed(&mut self, users: &[u32], upper: Time) {
        let upper = upper.min(SWEPT - 1);
        for &user in users {
            self.update(user, |note| (note & SWEPT) | upper.max(note & !SWEPT));
        }
    }

    /// Notes that a user is in a pipeline with its changes of before `closed`. If all of the user is, no
    /// sweep need write it.
    pub(super) fn written(&mut self, user: u32, closed: Time, is_whole: bool) {
        self.update(user, |note| {
            let (swept, upper) = (note & SWEPT, note & !SWEPT);
            (if is_whole { 0 } else { swept }) | if upper > closed { upper } else { 0 }
        });
    }

    /// Notes that a sweep is to write a user.
    pub(super) fn sweep(&mut self, user: u32) {
        self.update(user, |note| note | SWEPT);
    }

    fn update(&mut self, user: u32, update: impl FnOnce(u64) -> u64) {
        let index = user as usize;
        if self.notes.len() <= index {
            self.notes.resize(index + 1, 0);
        }
        let note = &mut self.notes[index];
        let before = std::mem::replace(note, update(*note));
        match (before, *note) {
            (0, 1..) => self.users += 1,
            (1.., 0) => self.users -= 1,
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Waiting;

    #[test]
    fn a_user_that_changes_often_waits_once() {
        let mut waiting = Waiting::default();
        for upper in 1..1_000 {
            waiting.changed(&[3, 7], upper);
        }
        assert_eq!(waiting.users(), 2);
        // 7 changes again while the first changes are written.
        waiting.changed(&[7], 1_000);
        waiting.written(3, 999, false);
        waiting.written(7, 999, false);
        assert_eq!(waiting.users(), 1);
        waiting.written(7, 1_000, false);
        assert_eq!(waiting.users(), 0);
    }

    #[test]
    fn a_user_of_a_sweep_waits_until_all_of_it_is_written() {
        let mut waiting = Waiting::default();
        (0..5).for_each(|user| waiting.sweep(user));
        waiting.changed(&[1, 2, 9], 10);
        assert_eq!(waiting.users(), 6);
        waiting.written(1, 10, true);
        waiting.written(2, 10, false);
        waiting.written(9, 10, false);
        assert_eq!(waiting.users(), 4, "0, 2, 3 and 4");
        waiting.changed(&[4], u64::MAX);
        (0..5).for_each(|user| waiting.written(user, 20, true));
        assert_eq!(waiting.users(), 1, "4 has changed since");
    }
}
