//! What every user did, newest first, for as long as it is kept.

use super::retention::retained;
use crate::arrange::packed::Value;
use crate::arrange::reader::Reader;
use crate::arrange::view::{View, ViewSpine};
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

/// A product at a time. The order is the index: a user's first moments are the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// When, in milliseconds since the Unix epoch.
    pub time: Reverse<u64>,
    /// Which product, as the owner numbers products.
    pub product: u32,
    /// Whether it is among the moments of its user and day that pair with others.
    pub pairs: bool,
}

impl Value for Moment {
    fn prefix(&self) -> u32 {
        // In units of 1.024 s, until the year 2106; complemented, as newer is less.
        !u32::try_from(self.time.0 >> 10).unwrap_or(u32::MAX)
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many events of one user and day pair with others; those of bots beyond do not.
    pub paired: u32,
    /// How many events of one user and day are kept at all.
    pub kept: u32,
    /// For how many hours.
    pub horizon: u32,
}

/// User to moments.
pub fn history<'scope>(
    actions: VecCollection<'scope, Time, Action, Counts>,
    hours: Stream<'scope, Time, Vec<u32>>,
    limits: Limits,
    dictionaries: SharedDictionaries,
) -> View<'scope, Moment> {
    let moments = actions.map(|Action { user, product, time }| {
        (user, Moment { time: Reverse(time), product, pairs: true })
    });
    let mut ledger = Ledger::default();
    retained(
        moments,
        hours,
        limits.horizon,
        |moment| hour(moment.time.0),
        move |updates, trace| ledger.admit(updates, limits, &dictionaries, trace),
        "history",
    )
}

type Update = ((u32, Moment), Time, Counts);
type Trace = TraceAgent<ViewSpine<Moment>>;

/// What is taken back, as the ledger let it in: what it dropped is not there to be taken back. Of
/// equal moments those that do not pair go first.
fn as_entered(mut back: Vec<Update>, trace: &mut Trace) -> Vec<Update> {
    let Some(&(_, time, _)) = back.first() else { return back };
    consolidate_updates(&mut back);
    let (mut entered, mut reader, mut at) = (Vec::new(), Reader::new(trace), None);
    for ((user, moment), _, mut counts) in back {
        if at.replace(user) != Some(user) {
            reader.seek(user);
        }
        for pairs in [false, true] {
            let moment = Moment { pairs, ..moment };
            let held = reader.sum(&moment, time).unwrap_or_default();
            let gone = Counts(std::array::from_fn(|kind| counts.0[kind].max(-held.0[kind])));
            counts
                .0
                .iter_mut()
                .zip(gone.0)
                .for_each(|(count, gone)| *count = count.wrapping_sub(gone));
            if !gone.is_zero() {
                entered.push(((user, moment), time, gone));
            }
        }
    }
    entered
}

/// How many events of each user have come, so that those of one day can be capped.
///
/// The events of a day are numbered as they come; what comes at one logical time, by event time
/// and product. What is taken back keeps its number, which nothing else gets. Counted are each user's newest day, and apart from it the days of events that came
/// after a newer day had begun.
#[derive(Default)]
struct Ledger {
    newest: Vec<(u16, u32)>,
    late: HashMap<(u32, u16), u32>,
    /// The newest day of all.
    today: u16,
}

impl Ledger {
    fn admit(
        &mut self,
        updates: &mut Vec<Update>,
        limits: Limits,
        names: &SharedDictionaries,
        trace: &mut Trace,
    ) {
        let back = updates.extract_if(.., |(_, _, counts)| counts.total() < 0).collect();
        self.begin_days(updates, limits);
        let mut crowded = false;
        for ((user, moment), _, _) in updates.iter() {
            let count = self.count(*user, moment);
            *count = count.saturating_add(1);
            crowded |= *count > limits.paired;
        }
        if crowded {
            self.number(updates, limits, &names.borrow().products);
        }
        updates.extend(as_entered(back, trace));
    }

    /// Days that begin are known before anything is counted.
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

    /// Takes back the counts of what came and counts it again in order, with what comes of that.
    fn number(&mut self, updates: &mut Vec<Update>, limits: Limits, names: &Dictionary) {
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

    fn count(&mut self, user: u32, moment: &Moment) -> &mut u32 {
        let day = day(moment.time.0);
        let (newest, count) = &mut self.newest[user as usize];
        if *newest == day { count } else { self.late.entry((user, day)).or_default() }
    }
}

#[cfg(test)]
mod tests {
    use crate::arrange::packed::Value;
    use crate::views::history::Moment;
    use std::cmp::Reverse;

    #[test]
    fn the_later_a_moment_the_less_is_first_of_it() {
        let times = [u64::MAX, 1 << 42, (1 << 42) - 1, 1_750_000_000_000, 1024, 1023, 0];
        let moments = times.map(|time| Moment { time: Reverse(time), product: 1, pairs: true });
        assert!(moments.is_sorted());
        assert!(moments.is_sorted_by_key(Value::prefix));
        assert_ne!(moments[3].prefix(), moments[4].prefix());
    }
}
