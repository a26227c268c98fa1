//! The history of every user, newest first, capped by day and limited in age.

use super::retention::{Retained, retained};
use crate::arrange::view::Changes;
use crate::held::{Held, Size};
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ingest::moment::Moment;
use crate::time::{DAY_HOURS, Time, is_move};
use std::collections::HashMap;
use timely::dataflow::Stream;

/// The limits of the history.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most events of one user and day that pair with others. Bots exceed it.
    pub paired: u32,
    /// The most events of one user and day that are kept.
    pub kept: u32,
    /// The age at which events leave, in hours.
    pub horizon: u32,
}

/// User to moments, newest first, within the limits. `on_left` is told of those that leave or are not let in.
pub fn history<'scope>(
    moments: Changes<'scope, Moment>,
    ages: Stream<'scope, Time, Vec<u32>>,
    limits: Limits,
    dictionaries: SharedDictionaries,
    on_left: impl FnMut(&[Update]) + 'static,
    held: &Held,
) -> Retained<'scope, Moment> {
    let mut day_counts = DayCounts::default();
    let held_counts = held.by("day_counts");
    let admit = move |updates: &mut Vec<Update>, time, now| {
        if is_move(time) {
            day_counts.restart(updates);
            return Vec::new();
        }
        day_counts.forget(now, limits.horizon);
        let refused = day_counts.admit(updates, limits, &dictionaries);
        updates.iter_mut().for_each(|((_, moment), _, _)| *moment = moment.let_in());
        held_counts.set(day_counts.size());
        refused
    };
    let hour = |moment: &Moment| moment.hour();
    let held = held.by("history_hours");
    retained(moments, ages, limits.horizon, hour, admit, on_left, "history", held)
}

type Update = super::retention::Update<Moment>;

/// Counts the events of each user and day, to cap them.
///
/// When moments of a user move away, the user's counts begin anew: the user may be gone, and the id be another's then.
///
/// Events of a day are numbered in the order of logical time, and within one logical time by event
/// time, product, kind and tags, and those of accounts before those of guests. A user's newest day is
/// counted apart from the events that come for a day after a newer one has begun.
#[derive(Default)]
struct DayCounts {
    /// By user, the newest day and its count.
    newest: Vec<Newest>,
    /// By user, how often the counts have begun anew, and day, the count of events that came late.
    late: HashMap<(u32, u8, u16), u32>,
    /// The first day that is not forgotten.
    first: u32,
}

/// The newest day of a user.
#[derive(Clone, Copy, Default)]
struct Newest {
    day: u16,
    /// How often the user's counts have begun anew.
    restarts: u8,
    count: u32,
}

impl DayCounts {
    /// Begins the counts of users anew of whom moments move away.
    fn restart(&mut self, updates: &[Update]) {
        let mut users: Vec<u32> = updates
            .iter()
            .filter(|(_, _, counts)| counts.total() < 0)
            .map(|((user, _), _, _)| *user)
            .collect();
        users.sort_unstable();
        users.dedup();
        for user in users {
            if let Some(newest) = self.newest.get_mut(user as usize) {
                let restarts = newest.restarts.wrapping_add(1);
                *newest = Newest { restarts, ..Newest::default() };
            }
        }
    }

    fn size(&self) -> Size {
        let newest = size_of::<Newest>() * self.newest.capacity();
        let late = (size_of::<((u32, u8, u16), u32)>() + 1) * self.late.capacity();
        Size { records: self.newest.len() + self.late.len(), bytes: newest + late }
    }

    /// Numbers the updates of one time: those beyond `paired` are marked, those beyond `kept`
    /// are taken out and returned.
    fn admit(
        &mut self,
        updates: &mut Vec<Update>,
        limits: Limits,
        names: &SharedDictionaries,
    ) -> Vec<Update> {
        self.begin_days(updates);
        let mut is_over = false;
        for ((user, moment), _, _) in updates.iter() {
            let count = self.count(*user, moment);
            *count = count.saturating_add(1);
            is_over |= *count > limits.paired;
        }
        if is_over { self.renumber(updates, limits, &names.borrow()) } else { Vec::new() }
    }

    /// Forgets the counts of days of which no event can be admitted any more.
    fn forget(&mut self, now: u32, horizon: u32) {
        let first = now.saturating_sub(horizon).saturating_add(1) / DAY_HOURS;
        if self.first < first {
            self.first = first;
            self.late.retain(|&(.., day), _| first <= day.into());
        }
    }

    /// Begins new days before anything is counted.
    fn begin_days(&mut self, updates: &[Update]) {
        for ((user, moment), _, _) in updates {
            let (user, day) = (*user as usize, moment.day());
            if self.newest.len() <= user {
                self.newest.resize(user + 1, Newest::default());
            }
            let newest = &mut self.newest[user];
            if newest.day < day {
                *newest = Newest { day, count: 0, ..*newest };
            }
        }
    }

    /// Uncounts the updates, and counts them again in their order, to find which exceed the limits.
    /// Returns those beyond `kept`.
    fn renumber(
        &mut self,
        updates: &mut Vec<Update>,
        limits: Limits,
        names: &Dictionaries,
    ) -> Vec<Update> {
        for ((user, moment), _, _) in updates.iter() {
            *self.count(*user, moment) -= 1;
        }
        updates.sort_by(|((user, one), _, kind), ((other_user, other), _, other_kind)| {
            let text = |moment: &Moment| names.products.text(moment.product);
            let tags = |moment: &Moment| names.tags_of(moment.tag_set);
            let times = || one.time().cmp(&other.time());
            let users = user.cmp(other_user).then_with(times);
            let events = users.then_with(|| text(one).cmp(text(other))).then(kind.cmp(other_kind));
            let events = events.then_with(|| tags(one).cmp(&tags(other)));
            events.then(one.whose().cmp(&other.whose()))
        });
        let beyond = updates.extract_if(.., |((user, moment), _, _)| {
            let count = self.count(*user, moment);
            *count = count.saturating_add(1);
            *moment = moment.pairing(*count <= limits.paired);
            *count > limits.kept
        });
        beyond.collect()
    }

    /// The count that a moment belongs to.
    fn count(&mut self, user: u32, moment: &Moment) -> &mut u32 {
        let day = moment.day();
        let newest = &mut self.newest[user as usize];
        if newest.day == day {
            &mut newest.count
        } else {
            self.late.entry((user, newest.restarts, day)).or_default()
        }
    }
}
