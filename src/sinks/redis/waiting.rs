//! The users whose profile waits to be sent to Redis, each counted once.

/// The user has changed since it was written last.
const CHANGED: u8 = 1;
/// A sweep is to write the user.
const SWEPT: u8 = 2;

/// Notes for each user whether it has changed, and whether a sweep is to write it.
///
/// One that changes while its earlier changes are on their way counts again from its next change on, or when
/// these are written: the gauge may lack it for a moment.
#[derive(Default)]
pub(super) struct Waiting {
    /// By user: [`CHANGED`] and [`SWEPT`].
    notes: Vec<u8>,
    users: usize,
}

impl Waiting {
    /// The number of users that wait.
    pub(super) fn users(&self) -> usize {
        self.users
    }

    /// The memory that the notes take.
    pub(super) fn bytes(&self) -> usize {
        self.notes.capacity()
    }

    /// Notes the users of a batch of changes.
    pub(super) fn changed(&mut self, users: &[u32]) {
        users.iter().for_each(|user| self.update(*user, |note| note | CHANGED));
    }

    /// Notes that a user's changes are in a pipeline. If all of the user is, no sweep need write it.
    pub(super) fn written(&mut self, user: u32, is_whole: bool) {
        self.update(user, |note| if is_whole { 0 } else { note & SWEPT });
    }

    /// Notes that a sweep is to write a user.
    pub(super) fn sweep(&mut self, user: u32) {
        self.update(user, |note| note | SWEPT);
    }

    fn update(&mut self, user: u32, update: impl FnOnce(u8) -> u8) {
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
        (0..1_000).for_each(|_| waiting.changed(&[3, 7]));
        assert_eq!(waiting.users(), 2);
        waiting.written(3, false);
        assert_eq!(waiting.users(), 1);
        waiting.written(7, false);
        assert_eq!(waiting.users(), 0);
        waiting.changed(&[7]);
        assert_eq!(waiting.users(), 1);
    }

    #[test]
    fn a_user_of_a_sweep_waits_until_all_of_it_is_written() {
        let mut waiting = Waiting::default();
        (0..5).for_each(|user| waiting.sweep(user));
        waiting.changed(&[1, 2, 9]);
        assert_eq!(waiting.users(), 6);
        waiting.written(1, true);
        waiting.written(2, false);
        waiting.written(9, false);
        assert_eq!(waiting.users(), 4, "0, 2, 3 and 4");
        (0..5).for_each(|user| waiting.written(user, true));
        assert_eq!(waiting.users(), 0);
    }
}
