//! The events that are graded: those of a sample of visitors, collected until their time is complete.

use crate::ids::dictionary::Dictionaries;
use crate::ids::hash::stable_hash;
use crate::record::block::Block;
use crate::record::event::EventType;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An epoch of more events, of all workers, is not graded if their records were written over more than [`LONG`]: what
/// they would have been shown between each other is not known.
const MANY: usize = 200;
/// See [`MANY`], in milliseconds.
const LONG: i64 = 1_000;

/// An event to be graded, in ids of the worker that owns its user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    /// The user.
    pub user: u32,
    /// In milliseconds since the Unix epoch.
    pub time: u64,
    /// The product.
    pub product: u32,
    /// The time and product of events of the same user and epoch that were before it, newest first.
    pub before: Vec<(u64, u32)>,
}

/// The sample of a worker's users.
pub struct Sample {
    /// The greatest hash of a visitor in the sample; `None` if nobody is.
    most: Option<u64>,
    peers: usize,
    limit: Option<Limit>,
    epochs: BTreeMap<Time, Epoch>,
    skipped: u64,
}

/// What a quiet shop does not use is saved, up to what so many seconds bring.
const SAVED: u64 = 600;

/// How many events a worker grades in a second, so that a busy shop's grades cost no more than a quiet one's.
struct Limit {
    /// The most in a second, of all workers together.
    per_second: u64,
    /// What one of them takes of [`Limit::left`].
    each: u64,
    /// What is left, of at most [`SAVED`] seconds: it grows by `per_second` each microsecond.
    left: u64,
    time: Time,
}

impl Limit {
    fn new(per_second: u32, peers: usize) -> Limit {
        Limit { per_second: per_second.into(), each: 1_000_000 * peers as u64, left: 0, time: 0 }
    }

    /// How many of so many events are graded at a time, which is later than that of the last call.
    fn take(&mut self, wanted: usize, time: Time) -> usize {
        let most = self.each.max(SAVED * 1_000_000 * self.per_second);
        let passed = time.saturating_sub(self.time).saturating_mul(self.per_second);
        self.left = self.left.saturating_add(passed).min(most);
        self.time = time;
        let taken = wanted.min(usize::try_from(self.left / self.each).unwrap_or(usize::MAX));
        self.left -= taken as u64 * self.each;
        taken
    }
}

/// The events of one time.
#[derive(Default)]
struct Epoch {
    /// User, time and product of those in the sample.
    sampled: Vec<(u32, u64, u32)>,
    /// The number of all.
    events: usize,
    /// When the first and the last of their records were written.
    span: Option<(i64, i64)>,
}

impl Epoch {
    fn is_graded(&self, peers: usize) -> bool {
        let long = self.span.is_some_and(|(first, last)| LONG < last - first);
        !long || self.events * peers <= MANY
    }
}

impl Sample {
    /// A sample of so large a share of the users, of one of so many workers, of which no more events than so many are
    /// graded in a second, of all workers together.
    pub fn new(share: f64, per_second: Option<u32>, peers: usize) -> Sample {
        #[allow(clippy::cast_possible_truncation, reason = "it saturates")]
        #[allow(clippy::cast_sign_loss, reason = "shares are not negative")]
        #[allow(clippy::cast_precision_loss, reason = "a share is about right")]
        let most = (share * u64::MAX as f64) as u64;
        let most = (share > 0.0).then_some(most);
        let limit = per_second.map(|per_second| Limit::new(per_second, peers));
        Sample { most, peers, limit, epochs: BTreeMap::new(), skipped: 0 }
    }

    /// Collects the events of a block that are in the sample.
    pub(crate) fn add(&mut self, time: Time, block: &Block, dictionaries: &Dictionaries) {
        let Some(most) = self.most else { return };
        let epoch = self.epochs.entry(time).or_default();
        epoch.events += block.events();
        if let Some((first, last)) = block.span() {
            let (one, other) = epoch.span.unwrap_or((first, last));
            epoch.span = Some((first.min(one), last.max(other)));
        }
        if !epoch.is_graded(self.peers) {
            epoch.sampled.clear();
            return;
        }
        block.for_each(|event| {
            let is_removal = event.event_type == EventType::RemoveFromCart;
            if is_removal || most < stable_hash(event.user.as_bytes()) {
                return;
            }
            let user = dictionaries.users.id(event.user);
            let product = dictionaries.products.id(event.product);
            if let (Some(user), Some(product)) = (user, product) {
                let time = u64::try_from(event.time).unwrap_or_default();
                epoch.sampled.push((user, time, product));
            }
        });
    }

    /// The events of the first epoch up to a time, with this; none once there are no more.
    pub fn next(
        &mut self,
        until: Time,
        dictionaries: &Dictionaries,
    ) -> Option<(Time, Vec<Sampled>)> {
        let first = self.epochs.first_entry().filter(|first| *first.key() <= until)?;
        let (time, mut epoch) = first.remove_entry();
        if !epoch.is_graded(self.peers) {
            self.skipped += epoch.events as u64;
            return Some((time, Vec::new()));
        }
        let name = |product| dictionaries.products.text(product);
        epoch.sampled.sort_unstable_by_key(|&(user, time, product)| (user, time, name(product)));
        let of_users = epoch.sampled.chunk_by(|one, other| one.0 == other.0);
        let sampled = of_users.flat_map(|events| {
            (0..events.len()).map(|at| {
                let (user, time, product) = events[at];
                let before = events[..at].iter().rev().map(|&(_, time, product)| (time, product));
                Sampled { user, time, product, before: before.collect() }
            })
        });
        let mut sampled: Vec<Sampled> = sampled.collect();
        if let Some(limit) = &mut self.limit {
            let taken = limit.take(sampled.len(), time);
            self.skipped += (sampled.len() - taken) as u64;
            // The same visitors each time, as if the sample were smaller.
            let hash = |user| stable_hash(dictionaries.users.text(user).as_bytes());
            if taken < sampled.len() {
                sampled.sort_by_cached_key(|sampled| hash(sampled.user));
                sampled.truncate(taken);
            }
        }
        Some((time, sampled))
    }

    /// The events that were not graded since this was asked last.
    pub fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::{Event, Kind};

    fn block(events: &[(&str, i64, &str)]) -> Block {
        let mut block = Block::default();
        for &(user, time, product) in events {
            let (category, session, id, tags) = ("", "", "", Vec::new());
            let event_type = Kind::View.into();
            let event =
                Event { event_type, time, user, product, category, session, id, tags, recorded: 0 };
            block.push(&event);
        }
        block
    }

    fn known() -> Dictionaries {
        let mut dictionaries = Dictionaries::default();
        for user in ["ann", "bob"] {
            dictionaries.users.intern(user);
        }
        for product in ["p", "q", "r"] {
            dictionaries.products.intern(product);
        }
        dictionaries
    }

    /// So many users, and an event of each.
    fn many(count: usize) -> (Dictionaries, Block) {
        let mut dictionaries = known();
        let users: Vec<String> = (0..count).map(|user| format!("user-{user}")).collect();
        users.iter().for_each(|user| _ = dictionaries.users.intern(user));
        let events: Vec<_> = users.iter().map(|user| (user.as_str(), 0, "p")).collect();
        (dictionaries, block(&events))
    }

    #[test]
    fn each_event_knows_what_its_user_did_before_it_in_its_epoch() {
        let (mut sample, known) = (Sample::new(1.0, None, 1), known());
        let events = [("ann", 7, "q"), ("bob", 1, "p"), ("ann", 5, "r"), ("ann", 5, "p")];
        sample.add(10, &block(&events), &known);
        sample.add(12, &block(&[("bob", 2, "q")]), &known);
        assert_eq!(sample.next(9, &known), None);
        let (time, sampled) = sample.next(12, &known).unwrap();
        let told = |sampled: &Sampled| {
            (sampled.user, sampled.time, sampled.product, sampled.before.clone())
        };
        let expected = [
            (0, 5, 0, vec![]),
            (0, 5, 2, vec![(5, 0)]),
            (0, 7, 1, vec![(5, 2), (5, 0)]),
            (1, 1, 0, vec![]),
        ];
        assert_eq!((time, sampled.iter().map(told).collect::<Vec<_>>()), (10, expected.into()));
        assert_eq!(sample.next(12, &known).unwrap().1.len(), 1);
        assert_eq!(sample.next(12, &known), None);
    }

    #[test]
    fn a_backlog_is_not_graded_and_counted() {
        let (mut sample, known) = (Sample::new(1.0, None, 1), known());
        let many: Vec<_> = (0..201).map(|at| ("ann", at * 6, "p")).collect();
        sample.add(2, &block(&many[..200]), &known);
        sample.add(2, &block(&many[200..]), &known);
        // As many within a second are one moment of a busy shop.
        let busy: Vec<_> = (0..400).map(|at| ("bob", at, "p")).collect();
        sample.add(4, &block(&busy), &known);
        assert_eq!(sample.next(4, &known), Some((2, vec![])));
        assert_eq!(sample.next(4, &known).unwrap().1.len(), 400);
        assert_eq!((sample.take_skipped(), sample.take_skipped()), (201, 0));
    }

    #[test]
    fn a_share_of_the_visitors_is_in_the_sample() {
        let (dictionaries, events) = many(10_000);
        for (share, expected) in [(0.0, 0..1), (0.05, 400..600), (1.0, 10_000..10_001)] {
            let mut sample = Sample::new(share, None, 1);
            sample.add(2, &events, &dictionaries);
            let sampled = sample.next(2, &dictionaries).map_or(0, |(_, sampled)| sampled.len());
            assert!(expected.contains(&sampled), "{share}: {sampled}");
        }
    }

    #[test]
    fn a_busy_shop_is_graded_by_fewer_visitors() {
        let (dictionaries, events) = many(200);
        // A worker of two has half of one a second, and at first what it may have saved.
        let mut sample = Sample::new(1.0, Some(1), 2);
        let mut ask = |time, events: &Block| {
            sample.add(time, events, &dictionaries);
            let sampled = sample.next(time, &dictionaries).unwrap().1;
            sampled.iter().map(|sampled| sampled.user).collect::<Vec<_>>()
        };
        assert_eq!(ask(1_000_000_000, &events).len(), 200);
        let first = ask(1_000_000_001, &events);
        assert_eq!(first.len(), 100);
        // Six seconds later there are three more, and they are visitors of before.
        let next = ask(1_006_000_001, &events);
        assert!(next.len() == 3 && next.iter().all(|user| first.contains(user)), "{next:?}");
        // A pause is worth what is saved at most.
        assert_eq!(ask(2_000_000_000, &events).len(), 200);
        assert_eq!(ask(2_000_000_001, &events).len(), 100);
        assert_eq!(ask(2_010_000_001, &many(2).1).len(), 2);
        assert_eq!(sample.take_skipped(), 100 + 197 + 100);
    }
}
