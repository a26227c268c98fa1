//! The history of every user, newest first, capped by day and limited in age.

use super::removals::Removals;
use super::retention::{Replaced, Retained, Rules, Trace, Update, retained};
use crate::arrange::reader::Reader;
use crate::arrange::view::Changes;
use crate::held::{Held, Size};
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ingest::moment::Moment;
use crate::score::counts::Counts;
use crate::time::{Time, is_of_old};
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
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

/// User to moments, newest first, within the limits, and to removals from the cart, with the carts that these have taken
/// back. `on_left` is told of those that leave or are not let in.
pub fn history<'scope>(
    moments: Changes<'scope, Moment>,
    ages: Stream<'scope, Time, Vec<u32>>,
    limits: Limits,
    dictionaries: SharedDictionaries,
    on_left: impl FnMut(&[Update<Moment>]) + 'static,
    held: &Held,
) -> Retained<'scope, Moment> {
    let counts = DayCounts::default();
    let removals = Removals::new(limits.horizon, dictionaries.clone(), held.by("removals"));
    let held_counts = held.by("day_counts");
    let caps = Caps { limits, dictionaries, counts, on_left, held: held_counts, removals };
    retained(moments, ages, limits.horizon, caps, "history", held.by("history_hours"))
}

/// Caps the moments of each user and day.
///
/// Events of a day are numbered after the moments that the history has of it, in the order of logical time, and within
/// one logical time by event time, product, kind and tags, and those of accounts before those of guests. So what is
/// let in follows from the history, whatever has moved. A cart that was taken back has its number as before; removals
/// have none, and are always let in.
struct Caps<F> {
    limits: Limits,
    dictionaries: SharedDictionaries,
    counts: DayCounts,
    on_left: F,
    held: Rc<Cell<Size>>,
    removals: Removals,
}

impl<F: FnMut(&[Update<Moment>]) + 'static> Rules<Moment> for Caps<F> {
    fn hour(&self, moment: &Moment) -> u32 {
        moment.hour()
    }

    fn needs_view(&self, updates: &[Update<Moment>], time: Time) -> bool {
        let is_known = |((user, moment), ..): &Update<Moment>| {
            moment.is_removal() || self.counts.knows(*user, moment.day())
        };
        self.removals.are_concerned(updates, time)
            || !is_of_old(time) && !updates.iter().all(is_known)
    }

    /// Marks the moments beyond `paired`, and takes those beyond `kept` out.
    fn admit(
        &mut self,
        updates: &mut Vec<Update<Moment>>,
        time: Time,
        now: u32,
        view: &mut Trace<Moment>,
    ) -> Vec<Update<Moment>> {
        if is_of_old(time) {
            updates.iter().for_each(|((user, _), ..)| self.counts.forget(*user));
            return Vec::new();
        }
        let Limits { paired, kept, horizon } = self.limits;
        let is_removal = |((_, moment), ..): &mut Update<Moment>| moment.is_removal();
        let removals: Vec<Update<Moment>> = updates.extract_if(.., is_removal).collect();
        self.counts.begin(updates, |hour| now < hour.saturating_add(horizon), view);
        let mut is_over = false;
        for ((user, moment), ..) in updates.iter() {
            is_over |= paired < self.counts.next(*user, moment.day());
        }
        let mut beyond = Vec::new();
        if is_over {
            updates.iter().for_each(|((user, moment), ..)| self.counts.undo(*user, moment.day()));
            sort(updates, &self.dictionaries.borrow());
            beyond.extend(updates.extract_if(.., |((user, moment), ..)| {
                let number = self.counts.next(*user, moment.day());
                *moment = moment.pairing(moment.pairs() && number <= paired);
                kept < number
            }));
        }
        updates.extend(removals);
        updates.iter_mut().for_each(|((_, moment), ..)| *moment = moment.let_in());
        self.held.set(self.counts.size());
        beyond
    }

    fn left(&mut self, gone: &[Update<Moment>]) {
        gone.iter().for_each(|((user, moment), ..)| self.counts.forget_day(*user, moment.day()));
        (self.on_left)(gone);
    }

    fn replace(
        &mut self,
        expired: &[Update<Moment>],
        updates: &[Update<Moment>],
        time: Time,
        now: u32,
        view: &mut Trace<Moment>,
    ) -> Vec<(Replaced<Moment>, Counts)> {
        self.removals.replace(expired, updates, time, now, view)
    }
}

/// Sorts the moments of each user into the order in which they are numbered.
fn sort(updates: &mut [Update<Moment>], names: &Dictionaries) {
    updates.sort_by(|((user, one), _, kind), ((other_user, other), _, other_kind)| {
        let text = |moment: &Moment| names.products.text(moment.product);
        let tags = |moment: &Moment| {
            let is_stand_in = names.tag_sets.get(moment.tag_set).is_stand_in;
            (is_stand_in, names.tags_of(moment.tag_set))
        };
        let times = || one.time().cmp(&other.time());
        let users = user.cmp(other_user).then_with(times);
        let events = users.then_with(|| text(one).cmp(text(other))).then(kind.cmp(other_kind));
        let events = events.then_with(|| tags(one).cmp(&tags(other)));
        events.then(one.whose().cmp(&other.whose()))
    });
}

/// Counts the moments of each user and day. The counts of the two newest days are kept; the view is read for any other.
#[derive(Default)]
struct DayCounts {
    /// By user. One who was never seen has no moments.
    newest: Vec<Newest>,
    /// By user and day, the counts of other days that the time under way has events of.
    late: HashMap<(u32, u16), u32>,
}

/// The newest day of a user of which the history has moments, and the day before it: topics are read in step to a day, so
/// most of a user's views are read once tomorrow's purchases have been.
#[derive(Clone, Copy, Default)]
struct Newest {
    day: u16,
    /// Whether both have to be read from the view again.
    is_forgotten: bool,
    /// By how many days ago they are.
    counts: [u32; 2],
}

impl Newest {
    /// The count of a day, if it is kept.
    fn count(&mut self, day: u16) -> Option<&mut u32> {
        self.counts.get_mut(usize::from(self.day.checked_sub(day)?))
    }

    /// Makes a later day the newest. Tells the days that are kept no longer, and their counts.
    fn reach(&mut self, day: u16, mut left: impl FnMut(u16, u32)) {
        while self.day < day {
            let [newest, before] = self.counts;
            if newest == 0 && before == 0 {
                self.day = day;
                return;
            }
            if let Some(before_it) = self.day.checked_sub(1) {
                left(before_it, before);
            }
            self.counts = [0, newest];
            self.day += 1;
        }
    }
}

impl DayCounts {
    /// True if the view need not be read for an event of a day.
    fn knows(&self, user: u32, day: u16) -> bool {
        let newest = self.newest.get(user as usize);
        newest.is_none_or(|newest| !newest.is_forgotten && newest.day <= day.saturating_add(1))
    }

    /// Makes the counts of all days of events known. Moments of hours for which `is_kept` does not hold have left.
    fn begin(
        &mut self,
        updates: &[Update<Moment>],
        is_kept: impl Fn(u32) -> bool,
        view: &mut Trace<Moment>,
    ) {
        self.late.clear();
        let mut reader = None;
        let mut read = |user, each: &mut dyn FnMut(u16, u32)| {
            let reader = reader.get_or_insert_with(|| Reader::new(view));
            reader.seek(user);
            reader.each(Time::MAX, |moment: &Moment, sum: Counts| {
                if is_kept(moment.hour()) && !moment.is_removal() {
                    each(moment.day(), u32::try_from(sum.total()).unwrap_or(0));
                }
            });
        };
        for ((user, moment), ..) in updates {
            let (user, day) = (*user, moment.day());
            if self.newest.len() <= user as usize {
                self.newest.resize(user as usize + 1, Newest::default());
            }
            let newest = &mut self.newest[user as usize];
            if newest.is_forgotten {
                *newest = Newest::default();
                // They come newest first.
                read(user, &mut |day, count| {
                    newest.day = newest.day.max(day);
                    if let Some(of_day) = newest.count(day) {
                        *of_day += count;
                    }
                });
            }
            newest.reach(day, |day, count| {
                self.late.insert((user, day), count);
            });
        }
        for ((user, moment), ..) in updates {
            let (user, day) = (*user, moment.day());
            if self.newest[user as usize].count(day).is_none() {
                self.late.entry((user, day)).or_insert_with(|| {
                    let mut sum = 0;
                    read(user, &mut |of, count| sum += if of == day { count } else { 0 });
                    sum
                });
            }
        }
    }

    /// Counts a moment, and returns its number.
    fn next(&mut self, user: u32, day: u16) -> u32 {
        let count = self.count(user, day);
        *count = count.saturating_add(1);
        *count
    }

    /// Takes the count of a moment back.
    fn undo(&mut self, user: u32, day: u16) {
        *self.count(user, day) -= 1;
    }

    /// The count of a day that is known.
    fn count(&mut self, user: u32, day: u16) -> &mut u32 {
        self.newest[user as usize]
            .count(day)
            .unwrap_or_else(|| self.late.get_mut(&(user, day)).expect("the day has been looked up"))
    }

    /// A user's moments have changed.
    fn forget(&mut self, user: u32) {
        if self.newest.len() <= user as usize {
            self.newest.resize(user as usize + 1, Newest::default());
        }
        self.newest[user as usize].is_forgotten = true;
    }

    /// A user's moments of a day have changed.
    fn forget_day(&mut self, user: u32, day: u16) {
        if let Some(newest) = self.newest.get_mut(user as usize) {
            newest.is_forgotten |= newest.count(day).is_some();
        }
    }

    fn size(&self) -> Size {
        let bytes = size_of::<Newest>() * self.newest.capacity();
        Size { records: self.newest.len(), bytes }
    }
}
