//! Users who may be gone: a guest's last moment has left the history, and so has everything else; all that a user had
//! was another's, for as long as that is known; or an account was idle for long.

use super::holder::UserTraces;
use super::idle::IdleUsers;
use crate::ingest::moment::Moment;
use crate::time::Time;
use crate::views::retention::Update;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The users of whom something has left a view, or was not let in, and the times of that. Clones share it.
#[derive(Clone)]
pub(crate) struct Leavers(Rc<RefCell<State>>);

struct State {
    left: Vec<(Time, u32)>,
    /// `None` if accounts never leave.
    idle: Option<IdleUsers>,
}

/// The users who go.
#[derive(Default)]
pub(super) struct Going {
    /// Those who have nothing, unless something of others.
    pub(super) gone: BTreeSet<u32>,
    /// Those who were idle for so long that what they have leaves.
    pub(super) idle: BTreeSet<u32>,
}

impl Leavers {
    pub(crate) fn new(idle: Option<IdleUsers>) -> Leavers {
        Leavers(Rc::new(RefCell::new(State { left: Vec::new(), idle })))
    }

    /// Notes users of whom something has left a view, or was not let in.
    pub(super) fn left(&self, users: impl Iterator<Item = (Time, u32)>) {
        self.0.borrow_mut().left.extend(users);
    }

    /// Notes the users of moments that leave the history, or were not let in: all, or those of whom nothing may stay.
    pub(crate) fn left_history(&self, gone: &[Update<Moment>]) {
        let State { left, idle } = &mut *self.0.borrow_mut();
        let may_go = |moment: &Moment| idle.is_some() || moment.leaves_nothing();
        let users = gone.iter().filter(|((_, moment), _, _)| may_go(moment));
        left.extend(users.map(|((user, _), time, _)| (*time, *user)));
    }

    /// Notes a user whose rows have moved, or were restored.
    pub(crate) fn moved(&self, user: u32, time: Time) {
        let State { left, idle } = &mut *self.0.borrow_mut();
        if idle.is_some() {
            left.push((time, user));
        }
    }

    /// Those of whom something left up to a time, since this was asked last, and who have no moment any more. All views
    /// hold everything up to that time, and nothing later. `now` is the age clock's hour then.
    pub(super) fn going(&self, time: Time, now: u32, traces: &mut UserTraces) -> Going {
        let State { left, idle } = &mut *self.0.borrow_mut();
        let users = left.extract_if(.., |(at, _)| *at <= time);
        let mut gone: BTreeSet<u32> = users.map(|(_, user)| user).collect();
        let mut reader = traces.reader();
        gone.retain(|user| !reader.has_moments(*user, time));
        let idle = idle.as_mut().map(|idle| idle.leaving(&mut gone, time, now, &mut reader));
        Going { gone, idle: idle.unwrap_or_default() }
    }
}
