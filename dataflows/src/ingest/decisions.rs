//! Whom events count for: what was said of users, followed from one to the next.
//!
//! A merge says that until a time a user was another one, and a forget that until then the user was nobody. Of
//! several merges of a user the earliest counts that is not before the event. Whoever that gives may have been
//! merged too, and so on. Where this comes back to a name, the events count for the least name of the circle. An event
//! counts for nobody if any of the merges that are not before it leads to somebody who was forgotten: what is gone
//! cannot come back, whatever is said later. So the answer depends on what was said, and on no order.
//!
//! Every worker has all decisions.

use crate::held::Size;
use crate::ids::secret::{Secret, SecretHash};
use crate::record::decision::Decision;
use crate::time::{Time, is_needed};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// The most decisions that are followed for one event.
const MAX_STEPS: usize = 8;

/// The hours after a merge was written for which some event, or a further decision, may need it.
pub fn kept_hours(horizon: u32) -> u32 {
    horizon.saturating_mul(2).saturating_add(48)
}

/// All decisions so far.
pub struct Decisions {
    horizon: u32,
    users: HashTable<(Key, User)>,
    /// Whether anybody was forgotten.
    has_forgets: bool,
    /// By the hour in which they were written, the users that were merged.
    by_hour: BTreeMap<u32, Vec<Key>>,
    /// The key of hashes: nobody can give two users one key.
    secret: Secret,
    held: Size,
}

/// A hash of a user's name.
type Key = SecretHash;

/// What was said of a user.
#[derive(Default)]
struct User {
    name: Box<str>,
    /// By time, and then by the account's name.
    merges: Vec<Merge>,
    forgets: Vec<Forgotten>,
    /// The users that were merged into this one, each as often, and the logical times of that.
    from: Vec<(Key, Time)>,
}

struct Merge {
    time: i64,
    account: Key,
    recorded: u32,
    /// The logical time of the decision; it counts at later ones.
    since: Time,
}

impl Merge {
    /// What a merge takes: itself, its account's note of it, and that of its hour.
    const BYTES: usize = size_of::<Merge>() + size_of::<(Key, Time)>() + size_of::<Key>();
}

/// A forget, and what became of it at one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// The user's events up to this time are meant; in milliseconds since the Unix epoch.
    pub time: i64,
    /// The hour in which the forget was written, counted from the Unix epoch.
    pub recorded: u32,
    /// The logical time of the decision; the user's rows left the views at the next one.
    pub since: Time,
    /// The logical time at which sinks had written that the user has no profile.
    pub written: Option<Time>,
    /// The logical time at which the name had been erased.
    pub erased: Option<Time>,
}

/// A forget that was carried out before this engine began: of the name only a hash is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastForget {
    /// The hash of the user's name.
    pub user: SecretHash,
    /// As in [`Forgotten`], and so are the others.
    pub time: i64,
    /// The hour.
    pub recorded: u32,
    /// The logical time.
    pub since: Time,
}

impl PastForget {
    /// What is left of a decision of a logical time, if it was a forget.
    pub fn of(decision: &Decision, since: Time, secret: Secret) -> Option<PastForget> {
        let &Decision { ref user, time, ref account, recorded } = decision;
        let user = secret.hash(&[user]);
        account.is_none().then_some(PastForget { user, time, recorded, since })
    }
}

/// For whom an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder<'a> {
    /// For this user.
    User(&'a str),
    /// For nobody.
    Nobody,
}

/// An event, as far as decisions look at it: its time, the hour in which it was written, if that is known, and
/// the logical time up to which decisions count.
#[derive(Clone, Copy)]
struct Of {
    time: i64,
    recorded: Option<u32>,
    as_of: Time,
}

impl Decisions {
    /// No decisions yet. A merge holds for events that are written at most `horizon` hours after it.
    pub fn new(horizon: u32, secret: Secret) -> Decisions {
        let (users, by_hour, held) = Default::default();
        Decisions { horizon, users, has_forgets: false, by_hour, secret, held }
    }

    /// The age, in hours, at which what is known of guests is forgotten.
    pub fn horizon(&self) -> u32 {
        self.horizon
    }

    /// Adds the decisions of one logical time; they count at later ones.
    pub fn add(&mut self, decisions: &[Decision], since: Time) {
        for Decision { user, time, account, recorded } in decisions {
            let (time, recorded) = (*time, *recorded);
            let Some(account) = account else {
                let (written, erased) = (None, None);
                self.entry(user).forgets.push(Forgotten { time, recorded, since, written, erased });
                self.note_forget();
                continue;
            };
            let (key, into) = (self.key(user), self.key(account));
            self.entry(account).from.push((key, since));
            let order = |merge: &Merge| {
                (merge.time, self.get(merge.account).map_or("", |user| &user.name))
                    < (time, account)
            };
            let merges = self.get(key).map_or(&[][..], |user| &user.merges);
            let place = merges.partition_point(order);
            let merge = Merge { time, account: into, recorded, since };
            self.entry(user).merges.insert(place, merge);
            self.by_hour.entry(recorded).or_default().push(key);
            self.held.bytes += Merge::BYTES;
        }
        self.held.records += decisions.len();
    }

    /// Adds a forget of which nothing was left when this engine began, at a time.
    pub fn add_past(&mut self, forget: PastForget, begun: Time) {
        let PastForget { user, time, recorded, since } = forget;
        let (written, erased) = (Some(begun), Some(begun));
        let forgets = &mut self.entry_of(user).forgets;
        forgets.push(Forgotten { time, recorded, since, written, erased });
        self.note_forget();
        self.held.records += 1;
    }

    fn note_forget(&mut self) {
        self.has_forgets = true;
        self.held.bytes += size_of::<Forgotten>();
    }

    /// For whom an event of a user counts as of a logical time. `recorded` is the hour in which the event was
    /// written, if it is known.
    pub fn holder<'a>(
        &'a self,
        user: &'a str,
        time: i64,
        recorded: Option<u32>,
        as_of: Time,
    ) -> Holder<'a> {
        if self.users.is_empty() {
            return Holder::User(user);
        }
        let event = Of { time, recorded, as_of };
        let mut path = [self.key(user); MAX_STEPS + 1];
        if self.has_forgets && self.is_forgotten(path[0], event) {
            return Holder::Nobody;
        }
        let mut name = user;
        for step in 0..MAX_STEPS {
            let Some(here) = self.get(path[step]) else { break };
            let Some(Merge { account: next, .. }) = self.merges(here, event).next() else { break };
            let next = *next;
            if let Some(begin) = path[..=step].iter().position(|key| *key == next) {
                let circle = path[begin..=step].iter().filter_map(|key| self.get(*key));
                return Holder::User(circle.map(|user| &*user.name).min().unwrap_or(name));
            }
            path[step + 1] = next;
            name = self.get(next).map_or(name, |next| &next.name);
        }
        Holder::User(name)
    }

    /// The names that lead from one user to another for some event up to a time, if any do.
    pub fn path_to(&self, from: &str, to: &str, until: i64, as_of: Time) -> Option<Vec<String>> {
        // Where merges end, others begin to count.
        let (mut names, mut times) = (vec![from.to_string()], vec![until]);
        let mut at = 0;
        while let Some(here) = names.get(at).and_then(|name| self.get(self.key(name))) {
            for merge in here.merges.iter().filter(|merge| merge.since <= as_of) {
                times.push(merge.time.min(until));
                let account = self.get(merge.account).map(|account| account.name.to_string());
                names.extend(account.filter(|account| !names.contains(account)));
            }
            at += 1;
        }
        times.sort_unstable();
        times.dedup();
        let paths = times.into_iter().map(|time| self.path(from, time, as_of));
        paths.into_iter().find(|path| path.iter().any(|name| name == to))
    }

    /// The names that an event of a user would pass, from the user on.
    fn path(&self, user: &str, time: i64, as_of: Time) -> Vec<String> {
        let event = Of { time, recorded: None, as_of };
        let (mut names, mut key) = (vec![user.to_string()], self.key(user));
        while names.len() <= MAX_STEPS
            && let Some(here) = self.get(key)
            && let Some(merge) = self.merges(here, event).next()
            && let Some(next) = self.get(merge.account)
            && !names.iter().any(|name| **name == *next.name)
        {
            names.push(next.name.to_string());
            key = merge.account;
        }
        names
    }

    /// What became of the forgets of a user as of a logical time, in the order in which they were read.
    pub fn forgotten(&self, user: &str, as_of: Time) -> Vec<Forgotten> {
        let forgets = self.get(self.key(user)).map_or(&[][..], |user| &user.forgets);
        forgets.iter().filter(|forget| forget.since <= as_of).copied().collect()
    }

    /// Notes that sinks have written what forgets of a user up to a logical time changed.
    pub fn set_written(&mut self, user: &str, until: Time, at: Time) {
        for forget in self.forgets_mut(user).filter(|forget| forget.since <= until) {
            forget.written.get_or_insert(at);
        }
    }

    /// Notes that a user's name has been erased, after forgets up to a logical time, and erases it here too, unless
    /// a merge names the user.
    pub fn set_erased(&mut self, user: &str, until: Time, at: Time) {
        for forget in self.forgets_mut(user).filter(|forget| forget.since <= until) {
            forget.erased.get_or_insert(at);
        }
        let key = self.key(user);
        if let Some(user) = self.get_mut(key)
            && user.merges.is_empty()
            && user.from.is_empty()
        {
            let name = std::mem::take(&mut user.name);
            self.held.bytes -= name.len();
        }
    }

    fn forgets_mut(&mut self, user: &str) -> impl Iterator<Item = &mut Forgotten> {
        let key = self.key(user);
        self.get_mut(key).into_iter().flat_map(|user| &mut user.forgets)
    }

    /// The users whose events may count for one of these as of a logical time, and these themselves, each once.
    pub fn reaching<'a>(
        &'a self,
        users: impl IntoIterator<Item = &'a str>,
        as_of: Time,
    ) -> Vec<&'a str> {
        let mut seen = HashSet::new();
        let users = users.into_iter().map(|user| (self.key(user), user));
        let mut last: Vec<(Key, &str)> = users.filter(|(key, _)| seen.insert(*key)).collect();
        let mut names: Vec<&str> = last.iter().map(|(_, name)| *name).collect();
        for _ in 0..MAX_STEPS {
            let from =
                last.iter().filter_map(|(key, _)| self.get(*key)).flat_map(|user| &user.from);
            let from = from.filter(|(_, since)| *since <= as_of).map(|(key, _)| *key);
            let new = from.filter(|key| seen.insert(*key));
            last = new.filter_map(|key| Some((key, &*self.get(key)?.name))).collect();
            names.extend(last.iter().map(|(_, name)| *name));
        }
        names
    }

    /// Forgets the merges that no event can need, nor a further decision, once no record is left to read that was
    /// written before an hour.
    ///
    /// What was moved is remembered for a horizon, as events are: see [`crate::moves`].
    pub fn forget_before(&mut self, hour: u32) {
        let kept = kept_hours(self.horizon);
        while let Some(first) = self.by_hour.first_entry()
            && !is_needed(*first.key(), kept, hour)
        {
            let (recorded, keys) = first.remove_entry();
            for key in keys {
                let Some(user) = self.get_mut(key) else { continue };
                let Some(place) = user.merges.iter().position(|merge| merge.recorded == recorded)
                else {
                    continue;
                };
                let Merge { account, since, .. } = user.merges.remove(place);
                if let Some(account) = self.get_mut(account)
                    && let Some(place) = account.from.iter().position(|from| *from == (key, since))
                {
                    account.from.swap_remove(place);
                }
                self.held.records -= 1;
                self.held.bytes -= Merge::BYTES;
                [account, key].into_iter().for_each(|key| self.remove_if_idle(key));
            }
        }
    }

    /// The decisions that are held.
    pub fn size(&self) -> Size {
        Size { bytes: self.held.bytes + self.users.allocation_size(), ..self.held }
    }

    /// The merges of a user that are not before an event, the earliest first.
    fn merges<'a>(&self, user: &'a User, event: Of) -> impl Iterator<Item = &'a Merge> {
        let horizon = self.horizon;
        user.merges.iter().filter(move |merge| {
            let is_old = |hour| merge.recorded.saturating_add(horizon) < hour;
            merge.since <= event.as_of
                && event.time <= merge.time
                && !event.recorded.is_some_and(is_old)
        })
    }

    /// True if any merge that is not before an event leads to somebody who was forgotten.
    fn is_forgotten(&self, user: Key, event: Of) -> bool {
        let (mut seen, mut last) = (vec![user], 0..1);
        for _ in 0..=MAX_STEPS {
            for at in last.clone() {
                let Some(user) = self.get(seen[at]) else { continue };
                if self.forgets(user, event) {
                    return true;
                }
                for merge in self.merges(user, event) {
                    if !seen.contains(&merge.account) {
                        seen.push(merge.account);
                    }
                }
            }
            last = last.end..seen.len();
        }
        false
    }

    /// True if a user was forgotten as of an event, unless a merge is older by the horizon than that: what it gave
    /// is the account's.
    fn forgets(&self, user: &User, event: Of) -> bool {
        user.forgets.iter().any(|forget| {
            let is_older =
                |merge: &Merge| merge.recorded.saturating_add(self.horizon) <= forget.recorded;
            forget.since <= event.as_of
                && event.time <= forget.time
                && !self.merges(user, event).any(is_older)
        })
    }

    fn key(&self, name: &str) -> Key {
        self.secret.hash(&[name])
    }

    fn get(&self, key: Key) -> Option<&User> {
        self.users.find(key[0], |(other, _)| *other == key).map(|(_, user)| user)
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut User> {
        self.users.find_mut(key[0], |(other, _)| *other == key).map(|(_, user)| user)
    }

    fn entry(&mut self, name: &str) -> &mut User {
        let key = self.key(name);
        if self.entry_of(key).name.is_empty() {
            self.held.bytes += name.len();
            self.entry_of(key).name = name.into();
        }
        self.entry_of(key)
    }

    fn entry_of(&mut self, key: Key) -> &mut User {
        let is_key = |(other, _): &(Key, User)| *other == key;
        let entry = self.users.entry(key[0], is_key, |(key, _)| key[0]);
        let (_, user) = entry.or_insert_with(|| (key, User::default())).into_mut();
        user
    }

    fn remove_if_idle(&mut self, key: Key) {
        let is_idle =
            |user: &User| user.merges.is_empty() && user.forgets.is_empty() && user.from.is_empty();
        if self.get(key).is_some_and(is_idle)
            && let Ok(entry) = self.users.find_entry(key[0], |(other, _)| *other == key)
        {
            let ((_, user), _) = entry.remove();
            self.held.bytes -= user.name.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HORIZON: u32 = 100;

    fn merge(user: &str, time: i64, account: &str, recorded: u32) -> Decision {
        Decision { user: user.into(), time, account: Some(account.into()), recorded }
    }

    fn forget(user: &str, time: i64, recorded: u32) -> Decision {
        Decision { user: user.into(), time, account: None, recorded }
    }

    /// All of these, in one order and in the reverse.
    fn all(decisions: &[Decision]) -> [Decisions; 2] {
        let mut reversed = decisions.to_vec();
        reversed.reverse();
        [decisions.to_vec(), reversed].map(|decisions| {
            let mut all = Decisions::new(HORIZON, Secret::new([1, 2]));
            decisions
                .iter()
                .zip(1..)
                .for_each(|(one, since)| all.add(std::slice::from_ref(one), since));
            all
        })
    }

    fn check(decisions: &[Decision], cases: &[(&str, i64, Option<&str>)]) {
        for all in all(decisions) {
            for &(user, time, expected) in cases {
                let expected = expected.map_or(Holder::Nobody, Holder::User);
                assert_eq!(all.holder(user, time, None, Time::MAX), expected, "{user} at {time}");
            }
        }
    }

    #[test]
    fn the_earliest_merge_that_is_not_before_the_event_counts() {
        check(
            &[merge("u", 12, "b", 0), merge("u", 10, "a", 0), merge("u", 12, "c", 0)],
            &[
                ("u", 9, Some("a")),
                ("u", 10, Some("a")),
                ("u", 11, Some("b")),
                ("u", 13, Some("u")),
                ("a", 9, Some("a")),
                ("nobody else", 9, Some("nobody else")),
            ],
        );
    }

    #[test]
    fn merges_chain_and_a_circle_counts_for_its_least_name() {
        check(
            &[
                merge("u", 9, "d", 0),
                merge("d", 8, "b", 0),
                merge("b", 7, "c", 0),
                merge("c", 6, "b", 0),
            ],
            &[
                ("u", 6, Some("b")),
                ("c", 6, Some("b")),
                ("b", 6, Some("b")),
                ("b", 7, Some("c")),
                ("d", 7, Some("c")),
                ("u", 8, Some("b")),
                ("u", 9, Some("d")),
            ],
        );
    }

    #[test]
    fn no_chain_is_followed_for_more_than_eight_steps() {
        let chain: Vec<_> =
            (0..20).map(|at| merge(&at.to_string(), 5, &(at + 1).to_string(), 0)).collect();
        check(&chain, &[("0", 5, Some("8")), ("15", 5, Some("20"))]);
    }

    #[test]
    fn a_forget_outranks_a_merge_unless_that_is_older_by_the_horizon() {
        let merged = merge("u", 9, "a", 50);
        for (recorded, expected) in [(0, None), (149, None), (150, Some("a"))] {
            check(
                &[merged.clone(), forget("u", 5, recorded)],
                &[("u", 5, expected), ("u", 6, Some("a"))],
            );
        }
        check(&[merged, forget("a", 7, 0)], &[("u", 7, None), ("u", 8, Some("a")), ("a", 7, None)]);
    }

    #[test]
    fn decisions_count_at_later_times_and_for_events_written_within_the_horizon() {
        let [all, _] = all(&[merge("u", 9, "a", 50), merge("a", 9, "b", 50)]);
        let holder = |recorded, as_of| all.holder("u", 5, Some(recorded), as_of);
        assert_eq!(holder(0, 0), Holder::User("u"));
        assert_eq!(holder(0, 1), Holder::User("a"));
        assert_eq!((holder(150, 2), holder(151, 2)), (Holder::User("b"), Holder::User("u")));
        assert_eq!(all.path("u", 5, 2), ["u", "a", "b"]);
        assert_eq!(all.path("u", 5, 1), ["u", "a"]);
    }

    #[test]
    fn a_circle_is_seen_whatever_events_it_is_of() {
        let [all, _] = all(&[merge("u", 5, "x", 0), merge("u", 9, "a", 0), merge("a", 7, "b", 0)]);
        let path = |to, until| all.path_to("u", to, until, Time::MAX);
        assert_eq!(path("b", 20), Some(["u", "a", "b"].map(String::from).to_vec()));
        assert_eq!(path("b", 6), Some(["u", "a", "b"].map(String::from).to_vec()));
        assert_eq!((path("b", 5), path("u", 5).is_some()), (None, true));
        assert_eq!(all.path_to("b", "u", 20, Time::MAX), None);
        assert_eq!(all.path_to("nobody", "u", 20, Time::MAX), None);
    }

    #[test]
    fn merges_leave_and_take_names_with_them() {
        let mut all = Decisions::new(HORIZON, Secret::new([1, 2]));
        all.add(&[forget("z", 0, 0)], 1);
        for hour in 0..2000 {
            for user in 0..10 {
                all.add(&[merge(&format!("{hour}-{user}"), 0, &format!("a{user}"), hour)], 1);
            }
            all.forget_before(hour);
            assert!(all.held.records <= 1 + 10 * (2 * HORIZON as usize + 49), "{:?}", all.held);
        }
        assert_eq!(all.holder("1990-3", 0, None, 1), Holder::User("a3"));
        assert_eq!(all.holder("3-3", 0, None, 1), Holder::User("3-3"));
        assert_eq!(all.reaching(["a3"], 1).len(), 1 + 2 * HORIZON as usize + 49);
        all.forget_before(u32::MAX);
        assert_eq!(all.holder("z", 0, None, 1), Holder::Nobody);
        assert_eq!((all.users.len(), all.held.records), (1, 1));
    }
}
