//! Guests who are gone: their last moment has left the history, and so has everything else.

use super::holder::UserTraces;
use crate::time::Time;
use crate::views::history::Update;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The guests of whom a moment has left the history, or was not let in, and the times of that. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct LeftGuests(Rc<RefCell<Vec<(Time, u32)>>>);

impl LeftGuests {
    /// Notes moments that leave.
    pub(crate) fn listener(&self) -> impl FnMut(&[Update]) + 'static {
        let left = self.0.clone();
        move |updates| {
            let guests = updates.iter().filter(|((_, moment), _, _)| moment.is_guests());
            left.borrow_mut().extend(guests.map(|((user, _), time, _)| (*time, *user)));
        }
    }

    /// Those of whom a moment left up to a time, since this was asked last, and who have none any more. All views hold
    /// everything up to that time, and nothing later.
    pub(super) fn gone(&self, time: Time, traces: &mut UserTraces) -> BTreeSet<u32> {
        let mut left = self.0.borrow_mut();
        let guests = left.extract_if(.., |(at, _)| *at <= time);
        let mut guests: BTreeSet<u32> = guests.map(|(_, user)| user).collect();
        let mut reader = traces.reader();
        guests.retain(|user| !reader.has_moments(*user));
        guests
    }
}
