//! Users who may be gone: a guest's last moment has left the history, and so has everything else; or all that a user had
//! was another's, for as long as that is known.

use super::holder::UserTraces;
use crate::ingest::moment::Moment;
use crate::time::Time;
use crate::views::retention::Update;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The users of whom something has left a view, or was not let in, and the times of that. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Leavers(Rc<RefCell<Vec<(Time, u32)>>>);

impl Leavers {
    /// Notes the users of rows in the ledger, which leave it.
    pub(super) fn of_ledger<V>(&self) -> impl FnMut(&[Update<V>]) + use<V> {
        let left = self.0.clone();
        move |updates| {
            let origins = updates.iter().map(|((origin, _), time, _)| (*time, *origin));
            left.borrow_mut().extend(origins);
        }
    }

    /// Notes the guests of moments in the history, which leave it.
    pub(crate) fn of_history(&self) -> impl FnMut(&[Update<Moment>]) + 'static {
        let left = self.0.clone();
        move |updates| {
            let guests = updates.iter().filter(|((_, moment), _, _)| moment.is_guests());
            left.borrow_mut().extend(guests.map(|((user, _), time, _)| (*time, *user)));
        }
    }

    /// Those of whom something left up to a time, since this was asked last, and who have no moment any more. All views
    /// hold everything up to that time, and nothing later.
    pub(super) fn gone(&self, time: Time, traces: &mut UserTraces) -> BTreeSet<u32> {
        let mut left = self.0.borrow_mut();
        let users = left.extract_if(.., |(at, _)| *at <= time);
        let mut users: BTreeSet<u32> = users.map(|(_, user)| user).collect();
        let mut reader = traces.reader();
        users.retain(|user| !reader.has_moments(*user, time));
        users
    }
}
