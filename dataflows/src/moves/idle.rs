//! Users who were idle for so long that all they have leaves.

use super::holder::UserReader;
use crate::held::Size;
use crate::time::{DAY_HOURS, DAY_MINUTES, Time};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The users who were active, and have no moment in the history, by the hour in which they leave. Who has been
/// active since is looked at again in that hour.
pub(crate) struct IdleUsers {
    /// The hours that a user stays after the last day of activity.
    stay: u32,
    by_hour: BTreeMap<u32, Vec<u32>>,
    users: usize,
    held: Rc<Cell<Size>>,
}

impl IdleUsers {
    pub(crate) fn new(stay: u32, held: Rc<Cell<Size>>) -> IdleUsers {
        IdleUsers { stay, by_hour: BTreeMap::new(), users: 0, held }
    }

    /// Those who leave as of a time, and the age clock's hour then. Takes those who were active out of the users who
    /// may be gone.
    pub(super) fn leaving(
        &mut self,
        gone: &mut BTreeSet<u32>,
        as_of: Time,
        now: u32,
        reader: &mut UserReader,
    ) -> BTreeSet<u32> {
        let mut due = BTreeSet::new();
        while let Some(first) = self.by_hour.first_entry().filter(|first| *first.key() <= now) {
            let users = first.remove();
            self.users -= users.len();
            due.extend(users);
        }
        due.retain(|user| !reader.has_moments(*user, as_of));
        due.append(gone);
        due.retain(|&user| {
            let Some(last) = reader.last_minute(user, as_of) else {
                gone.insert(user);
                return false;
            };
            let hour = (last / DAY_MINUTES + 1).saturating_mul(DAY_HOURS).saturating_add(self.stay);
            if now < hour {
                self.by_hour.entry(hour).or_default().push(user);
                self.users += 1;
            }
            hour <= now
        });
        self.held.set(Size { records: self.users, bytes: size_of::<u32>() * self.users });
        due
    }
}
