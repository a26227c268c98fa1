//! Drops copies of events: an `eventId` counts once by user and id, within a window of the times at which
//! records were written.
//!
//! Of several copies the first counts, by logical time, so a block that has ids waits until its time is
//! complete. All others pass at once.

use crate::held::Size;
use crate::ids::hash::stable_hash;
use crate::ids::secret::{Secret, SecretHash};
use crate::inputs::Blocks;
use crate::record::block::Block;
use crate::record::event::Event;
use crate::time::{EventClock, Time, is_needed};
use hashbrown::HashTable;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// The input of one time, held until the time is complete.
struct Epoch {
    capability: Capability<Time>,
    blocks: Vec<(usize, Block)>,
}

/// The hours after an event was written for which a record may be a copy of it: one more than the window, as
/// producers' clocks differ.
pub fn kept_hours(window: u32) -> u32 {
    window.saturating_add(1)
}

/// An event that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedId {
    /// The hash that decides its user's owner.
    pub owner: u64,
    /// That of its user and its id.
    pub hash: SecretHash,
    /// The hour in which its record was written.
    pub recorded: u32,
}

/// How events are compared, and who is told.
pub struct Copies<F> {
    /// The hours before and after an event in which a copy may have been written; 0 if there are none.
    pub window: u32,
    /// The key of hashes: nobody can make another's id look like a copy.
    pub secret: Secret,
    /// Counts the copies.
    pub dropped: Rc<Cell<u64>>,
    /// The size of what is held.
    pub held: Rc<Cell<Size>>,
    /// Is told of each event that is counted, before its time is complete here.
    pub on_counted: F,
}

/// Exchanges blocks to the owners of their users, and drops copies of events there: those for which one of
/// the same user and id, written at most a window before or after, has been counted, `before` this engine began among
/// them. What no record that is left to read can be a copy of is forgotten.
///
/// ```text
/// events.filter(|event| event.id == "" or counted.none(|other|
///     (other.user, other.id) == (event.user, event.id) and |other.recorded - event.recorded| <= window))
/// ```
pub fn unique<'scope>(
    blocks: Blocks<'scope>,
    oldest: Stream<'scope, Time, Vec<u32>>,
    before: Stream<'scope, Time, Vec<CountedId>>,
    copies: Copies<impl FnMut(Time, CountedId) + 'static>,
) -> Blocks<'scope> {
    let Copies { window, secret, dropped, held, mut on_counted } = copies;
    let scope = blocks.scope();
    let by_owner = Exchange::new(|(owner, _): &(usize, Block)| *owner as u64);
    let mut builder = OperatorBuilder::new("drop copies".into(), scope);
    let mut blocks = builder.new_input(blocks, by_owner);
    let mut oldest = builder.new_input(oldest, Pipeline);
    let mut before = builder.new_input(before, Pipeline);
    let (passed, unique) = builder.new_output();
    let mut passed = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(passed);
    builder.build(move |_| {
        let mut waiting: BTreeMap<Time, Epoch> = BTreeMap::new();
        let mut clock = EventClock::default();
        let mut counted = Counted::new(window, secret);
        move |frontiers| {
            before.for_each(|_, ids| ids.drain(..).for_each(|id| counted.add(id)));
            let mut passed = passed.activate();
            blocks.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let has_ids = || blocks.iter().any(|(_, block)| block.has_ids());
                // Blocks of one time stay in their order.
                if waiting.contains_key(&time) || window > 0 && has_ids() {
                    let capability = capability.retain_least(0).expect("data has a time");
                    let new = || Epoch { capability, blocks: Vec::new() };
                    waiting.entry(time).or_insert_with(new).blocks.append(blocks);
                } else {
                    passed.session(&capability).give_container(blocks);
                }
            });
            oldest.for_each(|capability, hours| {
                let time = *capability.least().expect("data has a time");
                hours.drain(..).for_each(|hour| clock.set(time, hour));
            });
            let is_open = |time: &Time| frontiers.iter().any(|frontier| frontier.less_equal(time));
            while let Some(first) = waiting.first_entry().filter(|first| !is_open(first.key())) {
                let (time, Epoch { capability, blocks }) = first.remove_entry();
                let unique = blocks.into_iter().map(|(owner, block)| {
                    let on_counted = |id| on_counted(time, id);
                    let (block, copies) = counted.without_copies(block, on_counted);
                    dropped.set(dropped.get() + copies);
                    (owner, block)
                });
                passed.session(&capability).give_iterator(unique);
            }
            // Everything that was read before has been looked at.
            let open = frontiers.iter().flat_map(|frontier| frontier.frontier().first().copied());
            let open = open.min().unwrap_or(Time::MAX);
            counted.forget(clock.at(open.saturating_sub(1)));
            clock.forget_before(open);
            held.set(counted.size());
        }
    });
    unique
}

/// The users and ids of the events that were counted.
struct Counted {
    window: u32,
    /// By the hour in which their records were written, hashes of users and ids. They have 128 bits, so that
    /// no two are equal by chance.
    by_hour: BTreeMap<u32, HashTable<SecretHash>>,
    secret: Secret,
}

impl Counted {
    fn new(window: u32, secret: Secret) -> Counted {
        Counted { window, by_hour: BTreeMap::new(), secret }
    }

    /// The block without its copies, and their number. `on_counted` is told of the others.
    fn without_copies(
        &mut self,
        block: Block,
        mut on_counted: impl FnMut(CountedId),
    ) -> (Block, u64) {
        let mut copies = 0;
        let mut are_new = Vec::with_capacity(block.events());
        block.for_each(|event| {
            let is_new = event.id.is_empty() || {
                let counted = self.count(event);
                counted.into_iter().for_each(&mut on_counted);
                counted.is_some()
            };
            copies += u64::from(!is_new);
            are_new.push(is_new);
        });
        if copies == 0 {
            return (block, 0);
        }
        let mut are_new = are_new.into_iter();
        (block.filtered(|_| are_new.next() == Some(true)), copies)
    }

    /// Counts an event, unless it is a copy of one that was.
    fn count(&mut self, event: &Event<'_>) -> Option<CountedId> {
        let key = self.secret.hash(&[event.user, event.id]);
        let (hour, window) = (event.recorded, self.window);
        let near = hour.saturating_sub(window)..=hour.saturating_add(window);
        let is_there =
            |keys: &HashTable<SecretHash>| keys.find(key[0], |other| *other == key).is_some();
        if self.by_hour.range(near).any(|(_, keys)| is_there(keys)) {
            return None;
        }
        let owner = stable_hash(event.user.as_bytes());
        let id = CountedId { owner, hash: key, recorded: hour };
        self.add(id);
        Some(id)
    }

    /// Adds an event that was counted.
    fn add(&mut self, CountedId { hash, recorded, .. }: CountedId) {
        let keys = self.by_hour.entry(recorded).or_default();
        keys.insert_unique(hash[0], hash, |hash| hash[0]);
    }

    /// Forgets what no record can be a copy of, if none that was written before an hour is left to read.
    fn forget(&mut self, oldest: u32) {
        let kept = kept_hours(self.window);
        while let Some(first) = self.by_hour.first_entry()
            && !is_needed(*first.key(), kept, oldest)
        {
            first.remove();
        }
    }

    fn size(&self) -> Size {
        Size {
            records: self.by_hour.values().map(HashTable::len).sum(),
            bytes: self.by_hour.values().map(HashTable::allocation_size).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::Kind;

    const SECRET: Secret = Secret::new([1, 2]);

    fn event<'a>(user: &'a str, id: &'a str, recorded: u32) -> Event<'a> {
        Event {
            event_type: Kind::View.into(),
            time: 0,
            user,
            product: "p",
            category: "",
            session: "",
            id,
            tags: Vec::new(),
            recorded,
        }
    }

    #[test]
    fn a_copy_is_of_the_same_user_and_id_and_written_within_the_window() {
        let mut counted = Counted::new(2, SECRET);
        let mut is_new = |user, id, recorded| counted.count(&event(user, id, recorded)).is_some();
        assert!(is_new("u", "e", 10));
        assert!(!is_new("u", "e", 10) && !is_new("u", "e", 12) && !is_new("u", "e", 8));
        assert!(is_new("v", "e", 10) && is_new("u", "f", 10) && is_new("ue", "", 10));
        // What was dropped starts no window of its own.
        assert!(is_new("u", "e", 13) && !is_new("u", "e", 14) && is_new("u", "e", 7));
    }

    #[test]
    fn what_no_record_can_be_a_copy_of_is_forgotten() {
        let mut counted = Counted::new(1, SECRET);
        for hour in 0..1000 {
            for id in 0..100 {
                assert!(counted.count(&event("u", &format!("{hour}-{id}"), hour)).is_some());
            }
            counted.forget(hour);
            let before = format!("{}-7", hour.saturating_sub(1));
            assert!(counted.count(&event("u", &before, hour)).is_none());
            assert!(counted.size().records <= 300);
        }
        assert!(counted.size().bytes < 20_000, "{:?}", counted.size());
    }

    #[test]
    fn a_block_without_its_copies_keeps_the_rest_as_it_is() {
        let mut block = Block::default();
        for id in ["a", "", "a", "b", "", "b", "c"] {
            block.push(&event("u", id, 5));
        }
        block.note_clock(77);
        block.note_written(78);
        let mut counted = Counted::new(1, SECRET);
        let (unique, copies) = counted.without_copies(block.clone(), |_| {});
        let mut ids = String::new();
        unique.for_each(|event| ids += &format!("{},", event.id));
        assert_eq!((&*ids, copies), ("a,,b,,c,", 2));
        assert_eq!((unique.newest(), unique.written()), (77, block.written()));
    }
}
