//! Whom events count for, and what accounts for them, as it must be.

use crate::event::{event_day, event_time};
use crate::expected::{Counted, Oracle, Place, stand_in};
use crate::removals::is_removal;
use crate::script::LIMITS;
use dataflows::graph::Mode;
use dataflows::record::decision::Decision;
use dataflows::record::event::{Kind, OwnedEvent};
use dataflows::time::{DAY_HOURS, HOUR, hour};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// The most decisions that are followed for one event.
const MAX_STEPS: usize = 8;

impl Oracle {
    /// For whom an event with this user and time counts by the decisions of earlier steps; `None` for nobody.
    ///
    /// `written` is the hour in which it was written, for one that comes now.
    pub(crate) fn holder(
        &self,
        event: &OwnedEvent,
        time: u64,
        written: Option<u32>,
    ) -> Option<String> {
        let steps = self.step_ends.len() - usize::from(written.is_some());
        let time = i64::try_from(time).expect("a time");
        let known = self.decisions.iter().filter(|(at, _)| *at < steps);
        let known: Vec<_> = known.map(|(_, decision)| decision).collect();
        let merges_of = |user: &str| {
            let mut merges: Vec<_> = (known.iter())
                .filter(|decision| {
                    let until = decision.recorded + LIMITS.horizon;
                    decision.user == user
                        && time <= decision.time
                        && written.is_none_or(|hour| hour <= until)
                })
                .filter_map(|decision| {
                    Some((decision.time, decision.account.as_ref()?, decision.recorded))
                })
                .collect();
            merges.sort_unstable();
            merges
        };
        let mut reached: BTreeSet<&str> = [&*event.user].into();
        for _ in 0..MAX_STEPS {
            let next: Vec<&str> =
                reached.iter().flat_map(|user| merges_of(user)).map(|merge| &**merge.1).collect();
            reached.extend(next);
        }
        for forget in known.iter().filter(|decision| decision.account.is_none()) {
            let is_older = |recorded: u32| recorded + LIMITS.horizon <= forget.recorded;
            if reached.contains(&*forget.user)
                && time <= forget.time
                && !merges_of(&forget.user).iter().any(|merge| is_older(merge.2))
            {
                return None;
            }
        }
        let mut path = vec![event.user.clone()];
        while path.len() <= MAX_STEPS {
            let merges = merges_of(path.last().expect("it is not empty"));
            let Some((_, next, _)) = merges.first() else { break };
            if let Some(begin) = path.iter().position(|name| name == *next) {
                return path[begin..].iter().min().cloned();
            }
            path.push(next.to_string());
        }
        path.pop()
    }

    /// The users who leave after the step before: without a moment, and idle for as long as users stay.
    pub(crate) fn leaving(&self) -> BTreeSet<String> {
        let Some(stay) = self.stay_hours.filter(|_| self.is_later) else { return BTreeSet::new() };
        let is_active = |counted: &&Counted| {
            let last = u32::from(event_day(&counted.event)) + 1;
            matches!(counted.place, Place::History(_))
                || self.now_at_end() < last * DAY_HOURS + stay
        };
        let users = |all: &mut dyn Iterator<Item = &Counted>| -> BTreeSet<String> {
            all.map(|counted| counted.event.user.clone()).collect()
        };
        let active = users(&mut self.counted.iter().filter(is_active));
        &users(&mut self.counted.iter()) - &active
    }

    /// Carries out the decisions of the step before. Of those who leave goes what does not move.
    pub(crate) fn carry_out(&mut self, decided: &[Decision], leaving: &BTreeSet<String>) {
        let directly: BTreeSet<&String> = decided.iter().map(|decision| &decision.user).collect();
        let mut meant: BTreeSet<String> = directly.iter().copied().cloned().collect();
        for _ in 0..MAX_STEPS {
            let into = self.decisions.iter().filter(|(_, decision)| {
                decision.account.as_ref().is_some_and(|account| meant.contains(account))
            });
            let users: Vec<_> = into.map(|(_, decision)| decision.user.clone()).collect();
            meant.extend(users);
        }
        let now = self.now_at_end();
        for mut counted in std::mem::take(&mut self.counted) {
            let is_own = counted.origin == counted.event.user;
            let left = |hour: u32| u64::from(hour.saturating_sub(LIMITS.horizon)) * HOUR;
            let time = match counted.place {
                Place::Rest(_) if is_own => left(now),
                Place::Rest(hour) => left(hour),
                Place::History(_) => event_time(&counted.event),
            };
            let moves = match counted.place {
                Place::Rest(_) if is_own && self.mode == Mode::Profile => {
                    directly.contains(&counted.origin)
                }
                _ => meant.contains(&counted.origin),
            };
            let before = counted.event.user.clone();
            if moves {
                let of_origin =
                    OwnedEvent { user: counted.origin.clone(), ..counted.event.clone() };
                let holder = self.holder(&of_origin, time, None);
                let Some(holder) = holder else { continue };
                if holder != counted.event.user && is_own && matches!(counted.place, Place::Rest(_))
                {
                    counted.place = Place::Rest(now);
                }
                counted.by_guest &= counted.event.user == holder;
                counted.event.user = holder;
            }
            if counted.event.user != before || !leaving.contains(&before) {
                self.counted.push(counted);
            }
        }
    }

    /// Takes out of the history what is too old by now; and forgets from whom the rest came.
    pub(crate) fn forget_old(&mut self) {
        let now = self.now_at_end();
        for (cart, removal) in self.matches() {
            if is_too_old(&self.counted[cart].event, now) {
                // It takes no other.
                self.counted[removal].is_taken = true;
            }
        }
        let mut all = std::mem::take(&mut self.counted);
        all.retain(|counted| {
            let leaves =
                matches!(counted.place, Place::History(_)) && is_too_old(&counted.event, now);
            !(leaves && (counted.by_guest || !counted.counts()))
        });
        for counted in &mut all {
            match counted.place {
                Place::History(_) if is_too_old(&counted.event, now) => {
                    self.to_rest(counted, now);
                }
                Place::Rest(hour) if hour + LIMITS.horizon <= now => {
                    counted.origin.clone_from(&counted.event.user);
                }
                _ => {}
            }
        }
        self.counted = all;
    }

    /// Lets new events in, by their users' limits.
    pub(crate) fn admit(&mut self, new: &[OwnedEvent]) {
        let (now, written) = (self.now_at_end(), hour(self.time / 1000));
        let mut moments = Vec::new();
        for event in new {
            let origin = event.user.clone();
            if event.session == origin && hour(event_time(event)) + LIMITS.horizon <= written {
                continue;
            }
            let Some(user) = self.holder(event, event_time(event), Some(written)) else { continue };
            // With profiles alone, others are not told apart by their time.
            let has_moment = self.mode == Mode::All
                || event.event_type.topic() == Kind::AddToCart
                || event.tags.is_empty()
                || event.session == origin
                || user != origin;
            let by_guest = event.session == origin;
            let event = OwnedEvent { user, ..event.clone() };
            let place = Place::History(true);
            let mut counted = Counted { event, origin, place, by_guest, is_taken: false };
            if is_removal(&counted.event) {
                if !is_too_old(&counted.event, now) {
                    counted.place = Place::History(false);
                    counted.by_guest &= counted.origin == counted.event.user;
                    self.counted.push(counted);
                }
            } else if has_moment && !is_too_old(&counted.event, now) {
                moments.push(counted);
            } else if !counted.by_guest {
                self.to_rest(&mut counted, now);
                self.counted.push(counted);
            }
        }
        moments.sort_by_cached_key(|Counted { event, origin, by_guest, .. }| {
            let mut tags = event.tags.clone();
            tags.sort_unstable();
            let tags = (
                tags.is_empty(),
                if tags.is_empty() { vec![stand_in(event).into()] } else { tags },
            );
            let key =
                (event_time(event), event.product.clone(), Reverse(event.event_type.topic()), tags);
            // Of equal ones an account's come first, then a guest's, then those of guests who are others.
            (key, *by_guest, *origin != event.user)
        });
        for mut counted in moments {
            let event = &counted.event;
            let of_day = self.counted.iter().filter(|other| {
                matches!(other.place, Place::History(_))
                    && !is_removal(&other.event)
                    && other.event.user == event.user
                    && event_day(&other.event) == event_day(event)
            });
            let number = 1 + u32::try_from(of_day.count()).expect("it is small");
            let is_late = is_too_old(event, written);
            counted.place = Place::History(number <= LIMITS.paired && !is_late);
            if LIMITS.kept < number {
                if counted.by_guest {
                    continue;
                }
                self.to_rest(&mut counted, now);
            }
            // Once it is let in, what counts for another is that one's.
            counted.by_guest &= counted.origin == counted.event.user;
            self.counted.push(counted);
        }
    }

    /// An event goes on to count with the tags that it has now.
    fn to_rest(&self, counted: &mut Counted, now: u32) {
        let tags = self.tags(&counted.event).into_iter().map(String::from).collect();
        counted.event.tags = tags;
        counted.place = Place::Rest(now);
    }
}

/// True if an event is too old for the history.
pub(crate) fn is_too_old(event: &OwnedEvent, now: u32) -> bool {
    is_too_old_at(event_time(event), now)
}

/// The same of its time.
pub(crate) fn is_too_old_at(time: u64, now: u32) -> bool {
    hour(time) + LIMITS.horizon <= now
}
