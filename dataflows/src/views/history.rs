//! The history of every user, newest first, capped by day and limited in age.

use super::retention::retained;
use crate::arrange::packed::Value;
use crate::arrange::reader::Reader;
use crate::arrange::view::{View, ViewSpine};
use crate::held::{Held, Size};
use crate::ids::dictionary::{Dictionary, SharedDictionaries};
use crate::ingest::intern::Action;
use crate::score::counts::Counts;
use crate::time::{DAY_HOURS, Time, day, hour};
use differential_dataflow::VecCollection;
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::difference::IsZero;
use differential_dataflow::operators::arrange::TraceAgent;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::HashMap;
use timely::dataflow::Stream;

/// A product at a time. Moments are ordered newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// The time, in milliseconds since the Unix epoch.
    pub time: Reverse<u64>,
    /// The product's id at the user's owner.
    pub product: u32,
    /// True if it pairs with other moments: it is within [`Limits::paired`].
    pub pairs: bool,
}

impl Value for Moment {
    fn prefix(&self) -> u32 {
        // In units of 1.024 s, until the year 2106; complemented, since the newer is the lesser.
        !u32::try_from(self.time.0 >> 10).unwrap_or(u32::MAX)
    }
}

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

/// User to moments, newest first, within the limits.
pub fn history<'scope>(
    actions: VecCollection<'scope, Time, Action, Counts>,
    hours: Stream<'scope, Time, Vec<u32>>,
    limits: Limits,
    dictionaries: SharedDictionaries,
    held: &Held,
) -> View<'scope, Moment> {
    let moments = actions.map(|Action { user, product, time }| {
        (user, Moment { time: Reverse(time), product, pairs: true })
    });
    let mut day_counts = DayCounts::default();
    let held_counts = held.by("day_counts");
    retained(
        moments,
        hours,
        limits.horizon,
        |moment| hour(moment.time.0),
        move |updates, trace| {
            day_counts.admit(updates, limits, &dictionaries, trace);
            held_counts.set(day_counts.size());
        },
        "history",
        held.by("history_hours"),
    )
}

type Update = ((u32, Moment), Time, Counts);
type Trace = TraceAgent<ViewSpine<Moment>>;

/// Limits retractions to the moments that the history has, since some were not admitted. Of equal
/// moments those that do not pair go first.
fn retractions(mut requested: Vec<Update>, trace: &mut Trace) -> Vec<Update> {
    let Some(&(_, time, _)) = requested.first() else { return requested };
    consolidate_updates(&mut requested);
    let (mut possible, mut reader, mut last) = (Vec::new(), Reader::new(trace), None);
    for ((user, moment), _, mut counts) in requested {
        if last.replace(user) != Some(user) {
            reader.seek(user);
        }
        for pairs in [false, true] {
            let moment = Moment { pairs, ..moment };
            let present = reader.sum(&moment, time).unwrap_or_default();
            let retracted =
                Counts(std::array::from_fn(|kind| counts.0[kind].max(-present.0[kind])));
            counts
                .0
                .iter_mut()
                .zip(retracted.0)
                .for_each(|(count, retracted)| *count = count.wrapping_sub(retracted));
            if !retracted.is_zero() {
                possible.push(((user, moment), time, retracted));
            }
        }
    }
    possible
}

/// Counts the events of each user and day, to cap them.
///
/// Events of a day are numbered in the order of logical time, and within one logical time by event
/// time and product. The number of a retracted event is not given out again. A user's newest day is
/// counted apart from the events that come for a day after a newer one has begun.
#[derive(Default)]
struct DayCounts {
    /// By user, the newest day and its count.
    newest: Vec<(u16, u32)>,
    /// By user and day, the count of events that came late.
    late: HashMap<(u32, u16), u32>,
    /// The newest day of any user.
    today: u16,
}

impl DayCounts {
    fn size(&self) -> Size {
        let newest = size_of::<(u16, u32)>() * self.newest.capacity();
        let late = (size_of::<((u32, u16), u32)>() + 1) * self.late.capacity();
        Size { records: self.newest.len() + self.late.len(), bytes: newest + late }
    }

    /// Numbers the updates of one time: those beyond `paired` are marked, those beyond `kept`
    /// dropped.
    fn admit(
        &mut self,
        updates: &mut Vec<Update>,
        limits: Limits,
        names: &SharedDictionaries,
        trace: &mut Trace,
    ) {
        let requested = updates.extract_if(.., |(_, _, counts)| counts.total() < 0).collect();
        self.begin_days(updates, limits);
        let mut is_over = false;
        for ((user, moment), _, _) in updates.iter() {
            let count = self.count(*user, moment);
            *count = count.saturating_add(1);
            is_over |= *count > limits.paired;
        }
        if is_over {
            self.renumber(updates, limits, &names.borrow().products);
        }
        updates.extend(retractions(requested, trace));
    }

    /// Begins new days before anything is counted, and drops counts of days beyond the horizon.
    fn begin_days(&mut self, updates: &[Update], limits: Limits) {
        let before = self.today;
        for ((user, moment), _, _) in updates {
            let (user, day) = (*user as usize, day(moment.time.0));
            if self.newest.len() <= user {
                self.newest.resize(user + 1, (0, 0));
            }
            if self.newest[user].0 < day {
                self.newest[user] = (day, 0);
            }
            self.today = self.today.max(day);
        }
        if before < self.today {
            // An event may be a day ahead of the clock.
            let (today, days) = (u32::from(self.today), limits.horizon.div_ceil(DAY_HOURS));
            self.late.retain(|&(_, day), _| today <= u32::from(day).saturating_add(days + 1));
        }
    }

    /// Uncounts the updates, and counts them again in their order, to find which exceed the limits.
    fn renumber(&mut self, updates: &mut Vec<Update>, limits: Limits, names: &Dictionary) {
        for ((user, moment), _, _) in updates.iter() {
            *self.count(*user, moment) -= 1;
        }
        updates.sort_by(|((user, one), _, kind), ((other_user, other), _, other_kind)| {
            let text = |moment: &Moment| names.text(moment.product);
            let times = || other.time.cmp(&one.time);
            let users = user.cmp(other_user).then_with(times);
            users.then_with(|| text(one).cmp(text(other))).then(kind.cmp(other_kind))
        });
        updates.retain_mut(|((user, moment), _, _)| {
            let count = self.count(*user, moment);
            *count = count.saturating_add(1);
            moment.pairs = *count <= limits.paired;
            *count <= limits.kept
        });
    }

    /// The count that a moment belongs to.
    fn count(&mut self, user: u32, moment: &Moment) -> &mut u32 {
        let day = day(moment.time.0);
        let (newest, count) = &mut self.newest[user as usize];
        if *newest == day { count } else { self.late.entry((user, day)).or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;
    use crate::arrange::packed::Value;
    use std::cmp::Reverse;

    #[test]
    fn prefixes_of_moments_are_monotone() {
        let times = [u64::MAX, 1 << 42, (1 << 42) - 1, 1_750_000_000_000, 1024, 1023, 0];
        let moments = times.map(|time| Moment { time: Reverse(time), product: 1, pairs: true });
        assert!(moments.is_sorted());
        assert!(moments.is_sorted_by_key(Value::prefix));
        assert_ne!(moments[3].prefix(), moments[4].prefix());
    }
}
