//! Carts that are taken back: which of them removals from the cart take.
//!
//! By user and product, within the history, a removal takes the latest cart before it, by event time, that no other
//! has taken; with none it takes nothing. A cart of its own time is before it. Of carts of one time that one is the
//! latest whose tags come last by name, and whatever else of them can be told. So what is taken follows from the carts
//! and the removals that there are, whatever came first.
//!
//! A cart that is taken back counts for nothing, and stays as a moment that says so, for it counts again when a later
//! cart or an earlier removal comes. When it leaves by age nothing of it stays, and its removal takes no other.

use super::retention::{Replaced, Trace, Update};
use crate::arrange::reader::Reader;
use crate::arrange::view::Changes;
use crate::held::Size;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ingest::moment::Moment;
use crate::record::event::Kind;
use crate::score::counts::Counts;
use crate::time::{RESTORED, Time};
use differential_dataflow::{AsCollection, VecCollection};
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use timely::dataflow::operators::vec::Map;

/// The removals of the history: where there are none, nothing is looked at.
pub(super) struct Removals {
    horizon: u32,
    dictionaries: SharedDictionaries,
    /// By user and product.
    numbers: HashMap<(u32, u32), i32>,
    held: Rc<Cell<Size>>,
}

/// The carts and removals of a user and a product: as the history has them, or will, and as they are from now on.
#[derive(Default)]
struct Rows(Vec<[Moment; 2]>);

impl Removals {
    pub(super) fn new(
        horizon: u32,
        dictionaries: SharedDictionaries,
        held: Rc<Cell<Size>>,
    ) -> Removals {
        Removals { horizon, dictionaries, numbers: HashMap::new(), held }
    }

    /// True if what enters at a time may change what is taken.
    pub(super) fn are_concerned(&self, updates: &[Update<Moment>], time: Time) -> bool {
        let is_concerned = |((user, moment), _, counts): &Update<Moment>| {
            !moment.counts() || self.may_take(*user, *moment, *counts)
        };
        time != RESTORED && updates.iter().any(is_concerned)
    }

    /// True for carts of a user and a product of which there are removals.
    fn may_take(&self, user: u32, moment: Moment, counts: Counts) -> bool {
        !self.numbers.is_empty()
            && counts.of(Kind::AddToCart) != 0
            && self.numbers.contains_key(&(user, moment.product))
    }

    /// Has carts taken back, and counted again, because of what leaves by age and what enters at a time. The view is as
    /// of all earlier times.
    ///
    /// ```text
    /// for each user and product that is concerned:
    ///     view.filter(|moment| moment.is_removal)    are replaced by spent ones, if their carts leave by age
    ///     (view + changes).filter(|moment| moment.is_cart)    by taken ones, if a removal takes them, and back
    /// ```
    pub(super) fn replace(
        &mut self,
        expired: &[Update<Moment>],
        updates: &[Update<Moment>],
        time: Time,
        now: u32,
        view: &mut Trace<Moment>,
    ) -> Vec<(Replaced<Moment>, Counts)> {
        let mut concerned = self.concerned(expired, updates);
        // What is restored has been replaced before.
        if concerned.is_empty() || time == RESTORED {
            return Vec::new();
        }
        let mut users: Vec<u32> = concerned.keys().map(|(user, _)| *user).collect();
        users.dedup();
        let mut reader = Reader::new(view);
        for user in users {
            reader.seek(user);
            reader.each(Time::MAX, |moment: &Moment, sum: Counts| {
                if let Some(rows) = concerned.get_mut(&(user, moment.product)) {
                    rows.add(*moment, sum);
                }
            });
        }
        let names = &self.dictionaries.borrow();
        let leaves = |moment: Moment| moment.hour().saturating_add(self.horizon) <= now;
        concerned.values_mut().for_each(|rows| rows.leave(leaves, names));
        for ((user, moment), _, counts) in updates {
            if let Some(rows) = concerned.get_mut(&(*user, moment.product)) {
                rows.add(*moment, *counts);
            }
        }
        let replaced = concerned.into_iter().flat_map(|((user, _), mut rows)| {
            rows.take_back(names);
            rows.replaced(user)
        });
        replaced.collect()
    }

    /// The users and products of which removals or taken carts come or go, or carts where there are removals.
    fn concerned(
        &mut self,
        expired: &[Update<Moment>],
        updates: &[Update<Moment>],
    ) -> BTreeMap<(u32, u32), Rows> {
        let mut concerned = BTreeMap::new();
        for ((user, moment), _, counts) in expired {
            if moment.is_removal() {
                self.note(*user, *moment, *counts);
            } else if moment.is_taken() {
                concerned.insert((*user, moment.product), Rows::default());
            }
        }
        for ((user, moment), _, counts) in updates.iter().filter(|((_, one), ..)| !one.counts()) {
            if moment.is_removal() {
                self.note(*user, *moment, *counts);
            }
            // A taken cart may have moved, and its removal may not.
            concerned.insert((*user, moment.product), Rows::default());
        }
        if !self.numbers.is_empty() {
            let carts =
                updates.iter().filter(|((user, one), _, sum)| self.may_take(*user, *one, *sum));
            concerned
                .extend(carts.map(|((user, cart), ..)| ((*user, cart.product), Rows::default())));
        }
        let bytes = size_of::<((u32, u32), i32)>() * self.numbers.capacity();
        self.held.set(Size { records: self.numbers.len(), bytes });
        concerned
    }

    /// Counts removals that come, or go.
    fn note(&mut self, user: u32, removal: Moment, counts: Counts) {
        let number = self.numbers.entry((user, removal.product)).or_default();
        *number += counts.of(Kind::AddToCart);
        if *number == 0 {
            self.numbers.remove(&(user, removal.product));
            if self.numbers.is_empty() {
                self.numbers = HashMap::new();
            }
        }
    }
}

impl Rows {
    /// Adds the carts or the removals among moments that are the same, or takes some away.
    fn add(&mut self, moment: Moment, counts: Counts) {
        for _ in 0..counts.of(Kind::AddToCart) {
            self.0.push([moment; 2]);
        }
        for _ in counts.of(Kind::AddToCart)..0 {
            let place = self.0.iter().position(|[before, _]| *before == moment);
            self.0.swap_remove(place.expect("what goes has come"));
        }
    }

    /// Lets go of what leaves by age. Removals that took of it take nothing from then on.
    fn leave(&mut self, leaves: impl Fn(Moment) -> bool, names: &Dictionaries) {
        for [cart, removal] in self.matches(names) {
            if leaves(self.0[cart][0]) {
                let [_, after] = &mut self.0[removal];
                *after = after.taken(true);
            }
        }
        self.0.retain(|[before, _]| !leaves(*before));
    }

    /// Has the carts taken back that removals take, and no others.
    fn take_back(&mut self, names: &Dictionaries) {
        let matches = self.matches(names);
        let carts = self.0.iter_mut().filter(|[_, after]| !after.is_removal());
        carts.for_each(|[_, after]| *after = after.taken(false));
        for [cart, _] in matches {
            let [_, after] = &mut self.0[cart];
            *after = after.taken(true);
        }
    }

    /// The places of carts, and of the removals that take them.
    fn matches(&self, names: &Dictionaries) -> Vec<[usize; 2]> {
        let is_spent = |moment: Moment| moment.is_removal() && moment.is_taken();
        let mut places: Vec<usize> = (0..self.0.len()).collect();
        places.retain(|&place| !is_spent(self.0[place][1]));
        places.sort_by(|&one, &other| order(self.0[one][0], self.0[other][0], names));
        let (mut matches, mut carts) = (Vec::new(), Vec::new());
        for place in places {
            if !self.0[place][1].is_removal() {
                carts.push(place);
            } else if let Some(cart) = carts.pop() {
                matches.push([cart, place]);
            }
        }
        matches
    }

    /// What of them is replaced.
    fn replaced(self, user: u32) -> impl Iterator<Item = (Replaced<Moment>, Counts)> {
        let replaced = self.0.into_iter().filter(|[from, to]| from != to);
        replaced
            .map(move |[from, to]| (Replaced { key: user, from, to }, Counts::one(Kind::AddToCart)))
    }
}

/// The order in which carts come and removals take them. Of carts that are the same otherwise those come last that do
/// not pair, and then those that are taken already.
fn order(one: Moment, other: Moment, names: &Dictionaries) -> Ordering {
    let tags = |moment: Moment| {
        let is_stand_in = names.tag_sets.get(moment.tag_set).is_stand_in;
        (is_stand_in, names.tags_of(moment.tag_set))
    };
    let rest = |moment: Moment| (moment.whose(), !moment.may_pair(), moment.is_taken());
    let times = one.time().cmp(&other.time());
    let times = times.then(one.is_removal().cmp(&other.is_removal()));
    times.then_with(|| tags(one).cmp(&tags(other))).then_with(|| rest(one).cmp(&rest(other)))
}

/// What counts no longer as carts are taken back, and counts again: user and moment, with the change of its counts.
pub fn recounted<'scope>(
    replaced: VecCollection<'scope, Time, Replaced<Moment>, Counts>,
) -> Changes<'scope, Moment> {
    let recounted = replaced.inner.flat_map(|(Replaced { key, from, to }, time, counts)| {
        let sign = i32::from(to.counts()) - i32::from(from.counts());
        let moment = if from.counts() { from } else { to };
        (sign != 0).then_some(((key, moment), time, counts.times(sign)))
    });
    recounted.as_collection()
}

/// User and tag, for every tag that events of moments brought.
pub fn brought_tags<'scope>(
    moments: Changes<'scope, Moment>,
    dictionaries: SharedDictionaries,
) -> Changes<'scope, u32> {
    let tags = moments.inner.flat_map(move |((user, moment), time, counts)| {
        let tag_sets = &dictionaries.borrow().tag_sets;
        let set = tag_sets.get(moment.tag_set);
        let brought = if set.is_stand_in { &[] } else { set.tags };
        brought.iter().map(|&tag| ((user, tag), time, counts)).collect::<Vec<_>>()
    });
    tags.as_collection()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carts (`c`) and removals (`r`) at their times, a cart with its tag; in capitals those that are taken.
    fn rows(text: &str, names: &mut Dictionaries) -> Rows {
        let mut rows = Rows::default();
        for text in text.split_whitespace() {
            let (kind, rest) = text.split_at(1);
            let (time, tag) = rest.split_once('/').unwrap_or((rest, ""));
            let tag = names.tags.intern(tag);
            let set = names.tag_sets.intern(&[tag], false);
            let time = time.parse().expect("a time");
            let moment = match kind {
                "c" | "C" => Moment::new(time, 0, set),
                _ => Moment::removal(time, 0, set),
            };
            rows.add(moment.taken(kind == "C" || kind == "R"), Counts([0, 1, 0]));
        }
        rows
    }

    fn text(rows: &Rows, names: &Dictionaries) -> String {
        let mut rows: Vec<Moment> = rows.0.iter().map(|[_, after]| *after).collect();
        rows.sort_by(|one, other| order(*one, *other, names));
        let text = |row: Moment| {
            let letter = match (row.is_removal(), row.is_taken()) {
                (false, false) => "c",
                (false, true) => "C",
                (true, false) => "r",
                (true, true) => "R",
            };
            let tags = names.tags_of(row.tag_set).concat();
            let tag = if tags.is_empty() { String::new() } else { format!("/{tags}") };
            format!("{letter}{}{tag}", row.time())
        };
        rows.into_iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_removal_takes_the_latest_cart_before_it_that_no_other_has() {
        let names = &mut Dictionaries::default();
        for (before, after) in [
            ("", ""),
            ("r1", "r1"),
            ("c1", "c1"),
            ("C1", "c1"),
            ("c1 r2", "C1 r2"),
            ("r1 c2", "r1 c2"),
            ("c1 r1", "C1 r1"),
            ("c1 c2 r3", "c1 C2 r3"),
            ("c1 c2 r3 r4", "C1 C2 r3 r4"),
            ("c1 r2 c3 r4", "C1 r2 C3 r4"),
            ("c1 r2 r3 c4", "C1 r2 r3 c4"),
            // An earlier removal has taken what a later one would have.
            ("C1 c2 r3", "c1 C2 r3"),
            ("r1 C2 r3 c4 r5", "r1 C2 r3 C4 r5"),
            // Of carts of one time the tags decide.
            ("C1/a c1/b r1", "c1/a C1/b r1"),
            ("c1/b c1/a r1 r2", "C1/a C1/b r1 r2"),
            // A spent removal takes nothing.
            ("c1 R2", "c1 R2"),
            ("c1 c2 R3 r4", "c1 C2 R3 r4"),
        ] {
            let mut reversed: Vec<&str> = before.split_whitespace().collect();
            reversed.reverse();
            for before in [before, &reversed.join(" ")] {
                let mut rows = rows(before, names);
                rows.take_back(names);
                assert_eq!(text(&rows, names), after, "{before}");
            }
        }
    }

    #[test]
    fn with_a_taken_cart_that_leaves_its_removal_is_spent() {
        let names = &mut Dictionaries::default();
        for (before, until, after) in [
            ("C1 r5", 0, "C1 r5"),
            ("C1 r5", 1, "R5"),
            ("C1 r5", 5, ""),
            ("c1 r0 r5", 0, "c1 r5"),
            ("c1 C2 r3", 1, "C2 r3"),
            ("C1 C2 r3 r4", 1, "C2 r3 R4"),
            ("C1 r2 C3 r4", 2, "C3 r4"),
            ("C1 C2 r3 r4", 2, "R3 R4"),
        ] {
            let mut rows = rows(before, names);
            rows.leave(|moment| moment.time() <= until, names);
            assert_eq!(text(&rows, names), after, "{before} until {until}");
        }
    }

    #[test]
    fn a_cart_that_does_not_pair_is_taken_first_and_what_is_taken_stays_so() {
        let names = &mut Dictionaries::default();
        let cart = Moment::new(1, 0, names.tag_sets.intern(&[], false));
        let mut rows = Rows::default();
        for cart in [cart, cart.taken(true), cart.pairing(false)] {
            rows.add(cart, Counts([0, 1, 0]));
        }
        rows.add(Moment::removal(2, 0, cart.tag_set), Counts([0, 1, 0]));
        rows.take_back(names);
        let replaced: Vec<_> = rows.replaced(7).map(|(replaced, _)| replaced).collect();
        let replace = |from: Moment, is_taken| Replaced { key: 7, from, to: from.taken(is_taken) };
        let expected = [replace(cart.taken(true), false), replace(cart.pairing(false), true)];
        assert_eq!(replaced, expected);
        let mut rows = Rows::default();
        for row in [cart, cart.taken(true), Moment::removal(2, 0, cart.tag_set)] {
            rows.add(row, Counts([5, 1, 5]));
        }
        rows.take_back(names);
        assert_eq!(rows.replaced(7).count(), 0);
    }
}
